#include "tests/bench/sender.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "conntrack/v1/ingest_service.grpc.pb.h"
#include "server/tracker/check.h"
#include "tests/bench/cpu_time.h"
#include "tests/bench/prefilled.h"

namespace conntrack::bench {
namespace {

std::shared_ptr<grpc::Channel> Connect(const Endpoint& endpoint) {
  grpc::ChannelArguments arguments;
  // Each stream has a connection of its own, as sensors have.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (endpoint.ca_file.empty()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  grpc::SslCredentialsOptions tls;
  std::ifstream file(endpoint.ca_file);
  tls.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  arguments.SetSslTargetNameOverride("localhost");
  return grpc::CreateCustomChannel(endpoint.address, grpc::SslCredentials(tls), arguments);
}

class Stream {
 public:
  Stream(const Endpoint& endpoint, size_t number)
      : stub_(v1::IngestService::NewStub(Connect(endpoint))), stream_(stub_->Ingest(&context_)) {
    v1::IngestRequest request;
    v1::Hello* const hello = request.mutable_hello();
    hello->set_sensor_id("bench-" + std::to_string(number));
    hello->set_session_id("1");
    hello->set_zone(static_cast<uint32_t>(number));
    hello->set_first_sequence(1);
    CT_CHECK(stream_->Write(request));
    v1::IngestResponse response;
    CT_CHECK(stream_->Read(&response) && response.has_welcome());
    reader_ = std::thread([this] { ReadAcks(); });
  }

  // Ends the stream, which must have gone well.
  ~Stream() {
    CT_CHECK(stream_->WritesDone());
    reader_.join();
    CT_CHECK(stream_->Finish().ok());
  }

  // Makes requests of messages.
  void Load(const std::vector<std::string_view>& messages) {
    requests_.resize(messages.size());
    for (size_t i = 0; i < messages.size(); ++i) {
      CT_CHECK(
          requests_[i].ParseFromArray(messages[i].data(), static_cast<int>(messages[i].size())));
    }
  }

  // Sends them, and waits until they are acknowledged.
  void Send() {
    for (const v1::IngestRequest& request : requests_) CT_CHECK(stream_->Write(request));
    const uint64_t last = requests_.back().batch().sequence();
    std::unique_lock lock(mutex_);
    acknowledged_more_.wait(lock, [&] { return acknowledged_ >= last; });
  }

 private:
  void ReadAcks() {
    v1::IngestResponse response;
    while (stream_->Read(&response)) {
      CT_CHECK(response.has_ack() && response.ack().rejected().empty());
      const std::lock_guard lock(mutex_);
      acknowledged_ = response.ack().applied_sequence();
      acknowledged_more_.notify_one();
    }
  }

  grpc::ClientContext context_;
  const std::unique_ptr<v1::IngestService::Stub> stub_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  std::vector<v1::IngestRequest> requests_;
  std::mutex mutex_;
  std::condition_variable acknowledged_more_;
  uint64_t acknowledged_ = 0;
  std::thread reader_;
};

void SendAll(const std::vector<std::unique_ptr<Stream>>& streams) {
  std::vector<std::thread> threads;
  threads.reserve(streams.size());
  for (const auto& stream : streams) threads.emplace_back([&stream] { stream->Send(); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int RunSender(const std::string& path, const Endpoint& endpoint) {
  Prefilled prefilled(path);
  std::vector<std::unique_ptr<Stream>> streams;
  while (prefilled.WaitForFiller()) {
    for (size_t i = 0; i < prefilled.streams(); ++i) {
      if (i == streams.size()) streams.push_back(std::make_unique<Stream>(endpoint, i));
      streams[i]->Load(prefilled.Messages(i));
    }
    prefilled.GiveTurnToFiller();
    CT_CHECK(prefilled.WaitForFiller());
    const int64_t before = CpuTimeNs();
    SendAll(streams);
    prefilled.set_cpu_ns(CpuTimeNs() - before);
    prefilled.GiveTurnToFiller();
  }
  return 0;
}

}  // namespace conntrack::bench

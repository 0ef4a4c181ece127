#include "tests/bench/watch_client.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <vector>

#include "absl/strings/escaping.h"
#include "conntrack/v1/watch_service.pb.h"
#include "server/tracker/check.h"

namespace conntrack::bench {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr char kClientsFlag[] = "--watch-clients";
constexpr int kMessageBytesMax = 16 << 20;
constexpr uint64_t kMessagesForACheck = 16;
// Memory for messages is not given back to the system between two of them.
constexpr int kMemoryKeptBytes = 256 << 20;

constexpr uint32_t LengthTag(int field) {
  return static_cast<uint32_t>(field) << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

uint64_t CountOf(const v1::SequenceRange& range) {
  return range.last_sequence() + 1 - range.first_sequence();
}

// What one client has read.
class Reading {
 public:
  // Counts a message; true when it has events or tells of lost ones.
  bool Add(grpc::ByteBuffer* message) {
    ++messages_;
    bytes_ += message->Length();
    grpc::ProtoBufferReader reader(message);
    CodedInputStream in(&reader);
    bool covers = false;
    first_ = true;
    while (const uint32_t tag = in.ReadTag()) {
      const auto limit = in.ReadLengthAndPushLimit();
      if (tag == LengthTag(v1::WatchResponse::kEventsFieldNumber)) {
        AddBatch(&in);
        covers = true;
      } else if (tag == LengthTag(v1::WatchResponse::kLossFieldNumber)) {
        v1::LossNotice loss;
        CT_CHECK(loss.ParseFromCodedStream(&in));
        for (const v1::SequenceRange& range : loss.ranges()) lost_ += CountOf(range);
        covers = true;
      } else {
        CT_CHECK(in.Skip(in.BytesUntilLimit()));
      }
      in.PopLimit(limit);
    }
    return covers;
  }

  uint64_t reached() const { return covered_ + lost_; }

  void AddTo(WatchReport* report, std::vector<int64_t>* latencies) const {
    report->covered += covered_;
    report->lost += lost_;
    report->messages += messages_;
    report->bytes += bytes_;
    latencies->insert(latencies->end(), latencies_.begin(), latencies_.end());
  }

 private:
  void AddBatch(CodedInputStream* in) {
    const bool check = messages_ % kMessagesForACheck == 0;
    uint64_t covered = 0;
    uint64_t events = 0;
    while (const uint32_t tag = in->ReadTag()) {
      int size = 0;
      CT_CHECK(in->ReadVarintSizeAsInt(&size));
      if (tag == LengthTag(v1::EventBatch::kRangesFieldNumber)) {
        Parse(in, size, &range_);
        covered += CountOf(range_);
        continue;
      }
      CT_CHECK(tag == LengthTag(v1::EventBatch::kEventsFieldNumber));
      ++events;
      if (!first_) {
        CT_CHECK(in->Skip(size));
        continue;
      }
      first_ = false;
      AddLatency(in, size);
      if (!check) {
        CT_CHECK(in->Skip(in->BytesUntilLimit()));
        break;
      }
    }
    CT_CHECK(!check || events == covered);
    covered_ += covered;
  }

  void AddLatency(CodedInputStream* in, int size) {
    v1::Event event;
    Parse(in, size, &event);
    const int64_t time = event.time().seconds() * 1'000'000'000 + event.time().nanos();
    latencies_.push_back(std::chrono::system_clock::now().time_since_epoch().count() - time);
  }

  template <typename Message>
  static void Parse(CodedInputStream* in, int size, Message* message) {
    const auto limit = in->PushLimit(size);
    CT_CHECK(message->ParseFromCodedStream(in));
    in->PopLimit(limit);
  }

  v1::SequenceRange range_;
  // No event of the message was seen yet.
  bool first_ = true;
  uint64_t covered_ = 0;
  uint64_t lost_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  std::vector<int64_t> latencies_;
};

// One stream over a connection of its own.
class Client {
 public:
  Client(const WatchClientsOptions& options, grpc::CompletionQueue* queue)
      : wanted_(options.events) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments));
    v1::WatchRequest request;
    if (!options.resume_token.empty()) request.set_resume_token(options.resume_token);
    const grpc::Slice bytes(request.SerializeAsString());
    request_ = grpc::ByteBuffer(&bytes, 1);
    call_ = stub_->PrepareCall(&context_, "/conntrack.v1.WatchService/Watch", queue);
    call_->StartCall(this);
  }

  // gRPC has done what was asked last.
  void Continue(bool ok) {
    if (done_) return;
    CT_CHECK(ok);
    switch (stage_) {
      case Stage::kStarting:
        stage_ = Stage::kRequesting;
        call_->WriteLast(request_, {}, this);
        return;
      case Stage::kRequesting:
        stage_ = Stage::kReading;
        break;
      case Stage::kReading:
        ready_ = true;
        if (reading_.Add(&message_)) {
          end_ns_ = MonotonicNanos();
          if (begin_ns_ == 0) begin_ns_ = end_ns_;
        }
        break;
    }
    done_ = reading_.reached() >= wanted_;
    message_.Clear();
    if (done_) {
      context_.TryCancel();
    } else {
      call_->Read(&message_, this);
    }
  }

  bool ready() const { return ready_; }
  bool done() const { return done_; }
  int64_t begin_ns() const { return begin_ns_; }
  int64_t end_ns() const { return end_ns_; }
  const Reading& reading() const { return reading_; }

 private:
  enum class Stage { kStarting, kRequesting, kReading };

  const uint64_t wanted_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ByteBuffer request_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  Stage stage_ = Stage::kStarting;
  bool ready_ = false;
  bool done_ = false;
  grpc::ByteBuffer message_;
  Reading reading_;
  int64_t begin_ns_ = 0;
  int64_t end_ns_ = 0;
};

double Micros(const std::vector<int64_t>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<size_t>(part * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[index]) / 1000;
}

using Clients = std::vector<std::unique_ptr<Client>>;

WatchReport MakeReport(const Clients& clients, int64_t cpu_ns) {
  WatchReport report;
  report.cpu_ns = cpu_ns;
  report.begin_ns = INT64_MAX;
  std::vector<int64_t> latencies;
  for (const auto& client : clients) {
    client->reading().AddTo(&report, &latencies);
    report.begin_ns = std::min(report.begin_ns, client->begin_ns());
    report.end_ns = std::max(report.end_ns, client->end_ns());
  }
  std::sort(latencies.begin(), latencies.end());
  report.p50_us = Micros(latencies, 0.5);
  report.p99_us = Micros(latencies, 0.99);
  report.p999_us = Micros(latencies, 0.999);
  return report;
}

// One thread for all: the machine has few cores, and the server needs some.
WatchReport Run(const WatchClientsOptions& options) {
  grpc::CompletionQueue queue;
  Clients clients;
  for (uint32_t i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<Client>(options, &queue));
  }
  bool told = false;
  uint32_t done = 0;
  int64_t cpu_begin_ns = 0;
  void* tag = nullptr;
  bool ok = false;
  while (done < options.clients && queue.Next(&tag, &ok)) {
    auto* const client = static_cast<Client*>(tag);
    const bool was_done = client->done();
    client->Continue(ok);
    if (client->done() && !was_done) ++done;
    if (cpu_begin_ns == 0 && client->begin_ns() != 0) cpu_begin_ns = ProcessCpuNanos();
    if (told || !std::all_of(clients.begin(), clients.end(),
                             [](const auto& each) { return each->ready(); }))
      continue;
    told = true;
    std::cout << "ready" << std::endl;
  }
  return MakeReport(clients, ProcessCpuNanos() - cpu_begin_ns);
}

}  // namespace

int64_t ProcessCpuNanos() {
  timespec spent;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return spent.tv_sec * 1'000'000'000 + spent.tv_nsec;
}

int64_t MonotonicNanos() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

WatchClients::WatchClients(const WatchClientsOptions& options) {
  int ends[2];
  CT_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<std::string> words = {
      "watch_bench",
      kClientsFlag,
      options.address,
      std::to_string(options.clients),
      std::to_string(options.events),
      absl::BytesToHexString(options.resume_token),
  };
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  CT_CHECK(posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output_ = ends[0];
  CT_CHECK(ReadLine() == "ready");
}

WatchClients::~WatchClients() {
  close(output_);
  CT_CHECK(waitpid(pid_, nullptr, 0) == pid_);
}

std::string WatchClients::ReadLine() {
  std::string line;
  char c = 0;
  while (read(output_, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

WatchReport WatchClients::Wait() {
  WatchReport report;
  std::istringstream line(ReadLine());
  line >> report.covered >> report.lost >> report.messages >> report.bytes >> report.begin_ns >>
      report.end_ns >> report.cpu_ns >> report.p50_us >> report.p99_us >> report.p999_us;
  CT_CHECK(!line.fail());
  return report;
}

bool RunWatchClients(int argc, char** argv) {
  if (argc != 6 || std::strcmp(argv[1], kClientsFlag) != 0) return false;
  WatchClientsOptions options;
  options.address = argv[2];
  options.clients = static_cast<uint32_t>(std::stoul(argv[3]));
  options.events = std::stoull(argv[4]);
  options.resume_token = absl::HexStringToBytes(argv[5]);
  CT_CHECK(mallopt(M_TRIM_THRESHOLD, kMemoryKeptBytes) == 1);
  CT_CHECK(mallopt(M_MMAP_THRESHOLD, kMemoryKeptBytes) == 1);
  const WatchReport report = Run(options);
  std::cout << report.covered << ' ' << report.lost << ' ' << report.messages << ' ' << report.bytes
            << ' ' << report.begin_ns << ' ' << report.end_ns << ' ' << report.cpu_ns << ' '
            << report.p50_us << ' ' << report.p99_us << ' ' << report.p999_us << std::endl;
  // Streams that gRPC still cancels end with the process.
  _exit(0);
}

}  // namespace conntrack::bench

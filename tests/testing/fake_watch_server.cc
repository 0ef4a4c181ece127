#include "tests/testing/fake_watch_server.h"

#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace conntrack::testing {

FakeWatchServer::FakeWatchServer() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    std::fprintf(stderr, "the fake server cannot listen\n");
    std::abort();
  }
  address_ = "127.0.0.1:" + std::to_string(port);
}

FakeWatchServer::~FakeWatchServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  // All calls have ended; the lock says so to ThreadSanitizer, which does not
  // see into gRPC.
  std::lock_guard lock(mutex_);
}

void FakeWatchServer::Script(WatchScript script) {
  std::lock_guard lock(mutex_);
  scripts_.push_back(std::move(script));
}

std::vector<v1::WatchRequest> FakeWatchServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

grpc::Status FakeWatchServer::Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                                    grpc::ServerWriter<v1::WatchResponse>* writer) {
  WatchScript script;
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(*request);
    script.stay = scripts_.empty();
    if (!scripts_.empty()) {
      script = std::move(scripts_.front());
      scripts_.pop_front();
    }
  }
  for (const v1::WatchResponse& message : script.messages) writer->Write(message);
  // Nothing tells of a cancellation, so it is looked for.
  while (script.stay && !context->IsCancelled()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return script.end;
}

}  // namespace conntrack::testing

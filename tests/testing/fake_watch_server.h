// A watch server that sends, on each stream, what a test scripted for it, over
// a real socket.
//
// Thread-safe.
#pragma once

#include <grpcpp/server.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "conntrack/v1/watch_service.grpc.pb.h"

namespace conntrack::testing {

// What one stream sends, and how it ends.
struct WatchScript {
  std::vector<v1::WatchResponse> messages;
  grpc::Status end = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the script ended");
  // Stay open after the messages, until the client cancels.
  bool stay = false;
};

class FakeWatchServer final : public v1::WatchService::Service {
 public:
  // Listens on a free port of 127.0.0.1. Aborts when it cannot.
  FakeWatchServer();
  ~FakeWatchServer() override;

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }

  // The next streams go by these, in order; those after them stay open and say
  // nothing.
  void Script(WatchScript script);

  // The requests so far, in order.
  std::vector<v1::WatchRequest> requests() const;

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override;

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;

  mutable std::mutex mutex_;
  std::deque<WatchScript> scripts_;
  std::vector<v1::WatchRequest> requests_;
};

}  // namespace conntrack::testing

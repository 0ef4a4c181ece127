// The usual metrics of a gRPC server: calls started and handled by code,
// messages both ways, and how long calls took. The names are those that
// dashboards for gRPC expect.
//
// It also knows what is under way, which a drain waits for, and has the last word of
// calls that come at the very end.
//
// It watches through an interceptor, so it counts callback methods, methods
// that move bytes over a completion queue, and calls that are cancelled alike.
// Methods are known beforehand: what a client calls that does not exist makes
// no series.
//
// Thread-safe once calls arrive; methods are added before. A message costs two
// virtual calls and one relaxed increment; a call costs one small allocation.
#pragma once

#include <grpcpp/support/server_interceptor.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace conntrack {

class GrpcMetrics : public prometheus::Collectable {
 public:
  // gRPC's codes, OK to UNAUTHENTICATED.
  static constexpr size_t kCodes = 17;
  // Upper bounds of the histogram in seconds; a further bucket has no bound.
  // Most unary calls take less than a millisecond, a large page some.
  static constexpr std::array<double, 11> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                     0.01,   0.05,    0.25,   1,     10};

  // What is counted of one method.
  struct Method {
    std::string service;
    std::string name;
    // "unary", "client_stream", "server_stream" or "bidi_stream".
    std::string type;
    // A drain waits for its calls.
    bool drains = false;

    std::atomic<uint64_t> started{0};
    std::atomic<uint64_t> received{0};
    std::atomic<uint64_t> sent{0};
    std::array<std::atomic<uint64_t>, kCodes> handled = {};
    std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets = {};
    std::atomic<uint64_t> handling_ns{0};
  };

  // Adds the methods of a service by its full name; those of gRPC's own health
  // and reflection services do not hold up a drain.
  //
  // REQUIRES: the service is linked in, or is one of those two.
  void AddService(const std::string& full_name);

  // What a server is built with. `metrics` must outlive the server.
  static std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeFactory(
      GrpcMetrics* metrics);

  // Waits until no call is under way that a drain waits for, or the deadline.
  // Returns how many are left.
  uint64_t WaitIdle(std::chrono::steady_clock::time_point deadline);

  // From here on every call that begins and that a drain waits for ends with UNAVAILABLE,
  // whatever was answered. Waits until none has begun for `quiet`, or the deadline: gRPC
  // tells clients CANCELLED of what comes when its server shuts down.
  void RefuseUntilQuiet(std::chrono::nanoseconds quiet,
                        std::chrono::steady_clock::time_point deadline);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  friend class CallObserver;
  friend class CallObserverFactory;

  void AddMethod(const std::string& service, const std::string& name, bool client_streams,
                 bool server_streams, bool drains);
  void Finish(Method* method, size_t code, std::chrono::nanoseconds handling);

  // By path: "/conntrack.v1.WatchService/Watch". In order, so that scrapes are.
  std::map<std::string, std::unique_ptr<Method>, std::less<>> methods_;
  std::atomic<uint64_t> calls_{0};
  std::atomic<bool> refuses_{false};
  // When the last call began that a drain waits for; steady, 0 for never.
  std::atomic<int64_t> last_begun_ns_{0};
  std::mutex idle_mutex_;
  std::condition_variable idle_;
};

}  // namespace conntrack

#include "server/grpc_metrics.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/metric.h"
#include "server/tracker/check.h"

namespace conntrack {

namespace {

int64_t SteadyNanos(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

// One call. It ends when its status is sent, or, without one, when gRPC lets go
// of it: not sooner, since a cancelled call may still be worked on, and not
// later, since whoever serves a stream may keep what is left of it for long.
class CallObserver : public grpc::experimental::Interceptor {
 public:
  CallObserver(GrpcMetrics* metrics, GrpcMetrics::Method* method)
      : metrics_(metrics), method_(method) {
    method_->started.fetch_add(1, std::memory_order_relaxed);
    if (!method_->drains) return;
    metrics_->calls_.fetch_add(1);
    metrics_->last_begun_ns_.store(SteadyNanos(start_), std::memory_order_relaxed);
    refused_ = metrics_->refuses_.load();
  }
  ~CallObserver() override { Finish(grpc::StatusCode::CANCELLED); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    // At the end of a stream a receive is done too, without a message.
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        methods->GetRecvMessage() != nullptr) {
      method_->received.fetch_add(1, std::memory_order_relaxed);
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      method_->sent.fetch_add(1, std::memory_order_relaxed);
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      if (refused_) {
        methods->ModifySendStatus({grpc::StatusCode::UNAVAILABLE, "the server is ending"});
      }
      Finish(static_cast<size_t>(methods->GetSendStatus().error_code()));
    }
    methods->Proceed();
  }

 private:
  void Finish(size_t code) {
    if (finished_) return;
    finished_ = true;
    metrics_->Finish(method_, code, std::chrono::steady_clock::now() - start_);
  }

  GrpcMetrics* const metrics_;
  GrpcMetrics::Method* const method_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  // A status is sent once, and the destructor runs after all else.
  bool finished_ = false;
  bool refused_ = false;
};

class CallObserverFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit CallObserverFactory(GrpcMetrics* metrics) : metrics_(metrics) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    const auto found = metrics_->methods_.find(std::string_view(info->method()));
    if (found == metrics_->methods_.end()) return nullptr;
    return new CallObserver(metrics_, found->second.get());  // gRPC owns it.
  }

 private:
  GrpcMetrics* const metrics_;
};

namespace {

// The spelling that dashboards know: Go's.
constexpr std::array<const char*, GrpcMetrics::kCodes> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

// Their series begin with the server, at 0: OK so that a rate of errors has its whole, what
// alerts ask for so that a rate has the first one too. Others begin when they occur.
bool IsAlwaysShown(size_t code) {
  return code == grpc::StatusCode::OK || code == grpc::StatusCode::RESOURCE_EXHAUSTED ||
         code == grpc::StatusCode::INTERNAL || code == grpc::StatusCode::UNAVAILABLE;
}

uint64_t Read(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

const char* TypeName(bool client_streams, bool server_streams) {
  if (client_streams) return server_streams ? "bidi_stream" : "client_stream";
  return server_streams ? "server_stream" : "unary";
}

}  // namespace

void GrpcMetrics::AddMethod(const std::string& service, const std::string& name,
                            bool client_streams, bool server_streams, bool drains) {
  auto method = std::make_unique<Method>();
  method->service = service;
  method->name = name;
  method->type = TypeName(client_streams, server_streams);
  method->drains = drains;
  methods_[absl::StrCat("/", service, "/", name)] = std::move(method);
}

void GrpcMetrics::AddService(const std::string& full_name) {
  // gRPC builds these two in, without descriptors in the generated pool.
  if (full_name == "grpc.health.v1.Health") {
    AddMethod(full_name, "Check", false, false, false);
    AddMethod(full_name, "Watch", false, true, false);
    return;
  }
  if (full_name == "grpc.reflection.v1alpha.ServerReflection") {
    AddMethod(full_name, "ServerReflectionInfo", true, true, false);
    return;
  }
  const auto* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(full_name);
  CT_CHECK(service != nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    const auto* method = service->method(i);
    AddMethod(full_name, std::string(method->name()), method->client_streaming(),
              method->server_streaming(), true);
  }
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> GrpcMetrics::MakeFactory(
    GrpcMetrics* metrics) {
  return std::make_unique<CallObserverFactory>(metrics);
}

void GrpcMetrics::Finish(Method* method, size_t code, std::chrono::nanoseconds handling) {
  if (code >= kCodes) code = grpc::StatusCode::UNKNOWN;
  method->handled[code].fetch_add(1, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(handling).count();
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  method->buckets[bound - kBounds.begin()].fetch_add(1, std::memory_order_relaxed);
  method->handling_ns.fetch_add(handling.count(), std::memory_order_relaxed);
  if (!method->drains) return;
  // Under the lock, so that a waiter cannot be gone while it is notified.
  const std::lock_guard lock(idle_mutex_);
  if (calls_.fetch_sub(1) == 1) idle_.notify_all();
}

uint64_t GrpcMetrics::WaitIdle(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(idle_mutex_);
  idle_.wait_until(lock, deadline, [this] { return calls_.load() == 0; });
  return calls_.load();
}

void GrpcMetrics::RefuseUntilQuiet(std::chrono::nanoseconds quiet,
                                   std::chrono::steady_clock::time_point deadline) {
  refuses_.store(true);
  for (;;) {
    const int64_t quiet_since = last_begun_ns_.load(std::memory_order_relaxed);
    const std::chrono::steady_clock::time_point until(std::chrono::nanoseconds(quiet_since) +
                                                      quiet);
    const auto now = std::chrono::steady_clock::now();
    if (now >= until || now >= deadline) break;
    std::this_thread::sleep_until(std::min(until, deadline));
  }
}

std::vector<prometheus::MetricFamily> GrpcMetrics::Collect() const {
  Metric started("grpc_server_started_total", "Calls that began.", prometheus::MetricType::Counter);
  Metric handled("grpc_server_handled_total", "Calls that ended, by code.",
                 prometheus::MetricType::Counter);
  Metric received("grpc_server_msg_received_total", "Messages taken from clients.",
                  prometheus::MetricType::Counter);
  Metric sent("grpc_server_msg_sent_total", "Messages sent to clients.",
              prometheus::MetricType::Counter);
  Metric seconds("grpc_server_handling_seconds", "How long calls took.",
                 prometheus::MetricType::Histogram);
  for (const auto& [path, method] : methods_) {
    const MetricLabels labels = {{"grpc_type", method->type},
                                 {"grpc_service", method->service},
                                 {"grpc_method", method->name}};
    started.Add(labels, static_cast<double>(Read(method->started)));
    received.Add(labels, static_cast<double>(Read(method->received)));
    sent.Add(labels, static_cast<double>(Read(method->sent)));
    for (size_t code = 0; code < kCodes; ++code) {
      const uint64_t count = Read(method->handled[code]);
      if (count == 0 && !IsAlwaysShown(code)) continue;
      MetricLabels with_code = labels;
      with_code.push_back({"grpc_code", kCodeNames[code]});
      handled.Add(std::move(with_code), static_cast<double>(count));
    }
    prometheus::ClientMetric histogram;
    histogram.label = labels;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < method->buckets.size(); ++i) {
      cumulative += Read(method->buckets[i]);
      const double bound =
          i < kBounds.size() ? kBounds[i] : std::numeric_limits<double>::infinity();
      histogram.histogram.bucket.push_back({cumulative, bound});
    }
    histogram.histogram.sample_count = cumulative;
    histogram.histogram.sample_sum = static_cast<double>(Read(method->handling_ns)) / 1e9;
    seconds.Add(std::move(histogram));
  }
  std::vector<prometheus::MetricFamily> families;
  for (Metric* family : {&started, &handled, &received, &sent, &seconds}) {
    families.push_back(family->Take());
  }
  return families;
}

}  // namespace conntrack

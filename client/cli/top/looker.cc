#include "client/cli/top/looker.h"

#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "client/cli/duration.h"
#include "conntrack/status.h"

namespace conntrack::cli::top {
namespace {

// Rates are known of the groups that the server tells, so it tells more than are shown.
constexpr int32_t kGroupsMax = 1'000;

google::protobuf::Timestamp Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now);
  google::protobuf::Timestamp time;
  time.set_seconds(seconds.count());
  time.set_nanos(static_cast<int32_t>((now - seconds) / std::chrono::nanoseconds(1)));
  return time;
}

}  // namespace

Looker::Looker(std::shared_ptr<grpc::Channel> channel, std::chrono::milliseconds timeout)
    : channel_(std::move(channel)),
      timeout_(timeout),
      admin_(v1::AdminService::NewStub(channel_)),
      connections_(v1::ConnectionService::NewStub(channel_)) {}

template <typename Stub, typename Method, typename Request, typename Response>
absl::Status Looker::Call(Stub& stub, Method method, const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    context_ = &context;
  }
  const absl::Status status = client::FromGrpcStatus((stub.*method)(&context, request, response));
  const std::lock_guard<std::mutex> lock(mutex_);
  context_ = nullptr;
  return status;
}

absl::StatusOr<Look> Looker::Ask(const Question& question) {
  // After an outage gRPC would wait before it tries again; the caller has waited.
  if (channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE) {
    grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
  }
  Look look;
  look.question = question;
  look.at = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  look.time = Now();
  absl::Status status =
      Call(*admin_, &v1::AdminService::Stub::GetStats, v1::GetStatsRequest(), &look.stats);
  if (status.ok()) {
    status = Call(*admin_, &v1::AdminService::Stub::ListZones, v1::ListZonesRequest(), &look.zones);
  }
  if (status.ok()) {
    status = Call(*admin_, &v1::AdminService::Stub::ListSensors, v1::ListSensorsRequest(),
                  &look.sensors);
  }
  if (status.ok() && !question.group_by.empty()) {
    v1::CountConnectionsRequest request;
    request.set_filter(question.filter);
    request.mutable_group_by()->Add(question.group_by.begin(), question.group_by.end());
    request.set_top(kGroupsMax);
    request.set_order_by(question.order_by);
    status = Call(*connections_, &v1::ConnectionService::Stub::CountConnections, request,
                  &look.groups.emplace());
  }
  if (!status.ok()) return status;
  return look;
}

absl::Status Looker::Judge(const std::string& filter) {
  v1::ListConnectionsRequest request;
  request.set_filter(filter);
  request.set_page_size(1);
  v1::ListConnectionsResponse response;
  return Call(*connections_, &v1::ConnectionService::Stub::ListConnections, request, &response);
}

void Looker::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

}  // namespace conntrack::cli::top

#include "server/connection_writes.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/query_step.h"
#include "server/status.h"

namespace conntrack {
namespace {

// A step changes 64 connections at most, in some ten microseconds, so that a
// slice takes some milliseconds.
constexpr size_t kStepsPerSlice = 256;

absl::Status ReadMark(const v1::MarkUpdate& update, ConnectionRequest* request) {
  request->mark = update.value();
  request->mark_mask = update.has_mask() ? update.mask() : UINT32_MAX;
  if ((request->mark & ~request->mark_mask) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("mark.value 0x", absl::Hex(request->mark),
                                                 " has bits outside mark.mask 0x",
                                                 absl::Hex(request->mark_mask)));
}

absl::Status ReadLabelsUpdate(const v1::LabelsUpdate& update, ConnectionRequest* request) {
  const auto read = [](const char* name, const auto& numbers, Labels* labels) {
    if (static_cast<size_t>(numbers.size()) > kLabelCount) {
      return absl::InvalidArgumentError(absl::StrCat("labels.", name, " has ", numbers.size(),
                                                     " numbers, more than ", kLabelCount));
    }
    return ReadLabels(absl::StrCat("labels.", name), numbers, labels);
  };
  if (absl::Status status = read("set", update.set(), &request->labels); !status.ok()) {
    return status;
  }
  request->labels_mask = request->labels;
  return read("clear", update.clear(), &request->labels_mask);
}

absl::Status ReadTimeout(const google::protobuf::Duration& timeout, ConnectionRequest* request) {
  const Duration read = FromWire(timeout).value_or(Duration(0));
  if (read < kRequestTimeoutMin || read > kRequestTimeoutMax) {
    return absl::InvalidArgumentError(absl::StrCat("timeout ", timeout.seconds(), "s and ",
                                                   timeout.nanos(),
                                                   "ns is not between 0.001s and 3456000s"));
  }
  request->timeout = read;
  return absl::OkStatus();
}

std::string TextOf(const v1::UpdateConnectionsRequest& request) {
  return absl::StrCat("UpdateConnections ", request.ShortDebugString());
}
std::string TextOf(const v1::DeleteConnectionsRequest& request) {
  return absl::StrCat("DeleteConnections ", request.ShortDebugString());
}

}  // namespace

absl::StatusOr<ConnectionRequest> FromWire(const v1::UpdateConnectionsRequest& request) {
  ConnectionRequest change;
  absl::Status status;
  if (request.has_mark()) status.Update(ReadMark(request.mark(), &change));
  if (request.has_labels()) status.Update(ReadLabelsUpdate(request.labels(), &change));
  if (request.has_timeout()) status.Update(ReadTimeout(request.timeout(), &change));
  if (!status.ok()) return status;
  if (change.mark_mask == 0 && !change.labels_mask.any() && !change.timeout.has_value()) {
    return absl::InvalidArgumentError("nothing to change: give a mark, labels or a timeout");
  }
  return change;
}

struct ConnectionWrites::Work {
  // For the log.
  std::string text;
  ConnectionRequest change;
  Filter filter;
  ScanPosition position;
  RequestCounts counts;
  // Of the call.
  const grpc::CallbackServerContext* context = nullptr;
  grpc::ServerUnaryReactor* reactor = nullptr;
  std::function<void(const RequestCounts&)> answer;
};

ConnectionWrites::ConnectionWrites(Tracker* tracker, const ServerClock* clock,
                                   QueryThreads* threads, CompileFilter compile_filter,
                                   WriteAccess access, std::function<void()> on_events)
    : tracker_(tracker),
      clock_(clock),
      threads_(threads),
      compile_filter_(std::move(compile_filter)),
      access_(std::move(access)),
      on_events_(std::move(on_events)) {}

grpc::ServerUnaryReactor* ConnectionWrites::Update(grpc::CallbackServerContext* context,
                                                   const v1::UpdateConnectionsRequest* request,
                                                   v1::UpdateConnectionsResponse* response) {
  const absl::StatusOr<ConnectionRequest> change = FromWire(*request);
  if (!change.ok()) return Run(change.status(), context);
  auto work = MakeWork(*request, *change, context);
  if (work.ok()) {
    (*work)->answer = [response](const RequestCounts& counts) {
      response->set_matched_connections(counts.matched);
      response->set_updated_connections(counts.changed);
    };
  }
  return Run(work, context);
}

grpc::ServerUnaryReactor* ConnectionWrites::Delete(grpc::CallbackServerContext* context,
                                                   const v1::DeleteConnectionsRequest* request,
                                                   v1::DeleteConnectionsResponse* response) {
  ConnectionRequest change;
  change.kind = ConnectionRequest::Kind::kDelete;
  auto work = MakeWork(*request, change, context);
  if (work.ok()) {
    (*work)->answer = [response](const RequestCounts& counts) {
      response->set_matched_connections(counts.matched);
    };
  }
  return Run(work, context);
}

template <typename Request>
absl::StatusOr<std::shared_ptr<ConnectionWrites::Work>> ConnectionWrites::MakeWork(
    const Request& request, const ConnectionRequest& change,
    grpc::CallbackServerContext* context) const {
  if (absl::Status status = access_.check(*context); !status.ok()) return status;
  absl::StatusOr<Filter> filter = compile_filter_(request.filter());
  if (!filter.ok()) return filter.status();
  if (filter->matches_all() != request.all()) {
    return absl::InvalidArgumentError(request.all()
                                          ? "all is set beside a filter"
                                          : "filter is empty: set all to mean every connection");
  }
  auto work = std::make_shared<Work>();
  work->text = TextOf(request);
  work->change = change;
  work->change.dry_run = request.dry_run();
  work->filter = *std::move(filter);
  work->context = context;
  return work;
}

grpc::ServerUnaryReactor* ConnectionWrites::Run(const absl::StatusOr<std::shared_ptr<Work>>& work,
                                                grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::Status status = work.status();
  if (status.ok()) {
    (*work)->reactor = reactor;
    status = threads_->Run([this, work = *work] { return Continue(work.get()); });
  }
  if (!status.ok()) reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

bool ConnectionWrites::Continue(Work* work) {
  const ScanStepOptions step{.server_now = clock_->Now(),
                             .filter = &work->filter,
                             .places_max = PlacesPerStep(work->filter)};
  const uint64_t changed = work->counts.changed;
  bool cancelled = work->context->IsCancelled();
  bool more = !cancelled;
  for (size_t steps = 0; more && steps < kStepsPerSlice; ++steps) {
    more = tracker_->Apply(work->change, &work->position, step, &work->counts).more;
  }
  if (work->counts.changed > changed) on_events_();
  if (more) return true;
  access_.log(*work->context,
              absl::StrCat(work->text, ": ", work->counts.matched, " matched, ",
                           work->counts.changed, work->change.dry_run ? " would have" : " have",
                           " changed", cancelled ? "; cancelled before the end" : ""));
  if (!cancelled) work->answer(work->counts);
  work->reactor->Finish(
      ToGrpcStatus(cancelled ? absl::CancelledError("the client is gone") : absl::OkStatus()));
  return false;
}

}  // namespace conntrack

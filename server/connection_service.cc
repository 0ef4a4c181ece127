#include "server/connection_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/connection_count.h"
#include "server/connection_list.h"
#include "server/query_step.h"
#include "server/status.h"

namespace conntrack {
namespace {

// A count that groups visits so many: it only copies what counts.
constexpr size_t kNotesPerStep = 128;

// Counts that may group at the same time, as groups take memory.
constexpr int kGroupingMax = 4;

// One query on two cores leaves one to ingest.
size_t QueryThreadCount() {
  return std::clamp<size_t>(std::thread::hardware_concurrency() / 2, 1, 8);
}

// A request that comes as bytes.
template <typename Request>
absl::StatusOr<Request> Parse(const grpc::ByteBuffer& request) {
  grpc::ByteBuffer bytes = request;
  Request parsed;
  if (!grpc::SerializationTraits<Request>::Deserialize(&bytes, &parsed).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request is not a ", Request::descriptor()->name()));
  }
  return parsed;
}

// Ends a call with `status`.
grpc::ServerUnaryReactor* Finish(grpc::ServerUnaryReactor* reactor, const absl::Status& status) {
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

// A count under way.
struct ConnectionService::Counting {
  // Of the service, while it groups.
  std::atomic<int>* grouping = nullptr;
  Filter filter;
  Time server_now;
  ScanPosition position;
  std::unique_ptr<ConnectionCount> count;
  // Of the call.
  const grpc::CallbackServerContext* context = nullptr;
  grpc::ServerUnaryReactor* reactor = nullptr;
  v1::CountConnectionsResponse* response = nullptr;

  ~Counting() {
    if (grouping != nullptr) grouping->fetch_sub(1);
  }
};

ConnectionService::ConnectionService(const ConnectionServiceOptions& options, Tracker* tracker,
                                     const SensorRegistry* sensors, const ServerClock* clock)
    : options_(options),
      tracker_(tracker),
      sensors_(sensors),
      clock_(clock),
      wire_{sensors, tracker->options().slot_count},
      writes_(
          tracker, clock, &threads_,
          [this](const std::string& text) { return CompileFilter(text); }, options.access,
          options.on_events),
      threads_({.threads = QueryThreadCount()}) {}

grpc::ServerUnaryReactor* ConnectionService::GetConnection(grpc::CallbackServerContext* context,
                                                           const v1::GetConnectionRequest* request,
                                                           v1::GetConnectionResponse* response) {
  return Finish(context->DefaultReactor(), Get(*request, response));
}

grpc::ServerUnaryReactor* ConnectionService::ListConnections(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  return List<v1::ListConnectionsRequest, ConnectionList>(context, *request, response);
}

grpc::ServerUnaryReactor* ConnectionService::ListClosedConnections(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return List<v1::ListClosedConnectionsRequest, ConnectionClosedList>(context, *request, response);
}

template <typename Request, typename Listing>
grpc::ServerUnaryReactor* ConnectionService::List(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer& request,
                                                  grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto make = [&]() -> absl::StatusOr<std::shared_ptr<Listing>> {
    const absl::StatusOr<Request> parsed = Parse<Request>(request);
    if (!parsed.ok()) return parsed.status();
    const absl::StatusOr<Filter> filter = CompileFilter(parsed->filter());
    if (!filter.ok()) return filter.status();
    return Listing::Make({tracker_, clock_->Now(), wire_, *filter}, *parsed);
  };
  const absl::StatusOr<std::shared_ptr<Listing>> listing = make();
  if (!listing.ok()) return Finish(reactor, listing.status());
  const absl::Status taken = threads_.Run([=, listing = *listing] {
    const bool cancelled = context->IsCancelled();
    if (!cancelled && listing->Continue()) return true;
    if (!cancelled) *response = listing->Finish();
    Finish(reactor, cancelled ? absl::CancelledError("the client is gone") : absl::OkStatus());
    return false;
  });
  return taken.ok() ? reactor : Finish(reactor, taken);
}

grpc::ServerUnaryReactor* ConnectionService::CountConnections(
    grpc::CallbackServerContext* context, const v1::CountConnectionsRequest* request,
    v1::CountConnectionsResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<std::shared_ptr<Counting>> counting = MakeCounting(*request);
  if (!counting.ok()) return Finish(reactor, counting.status());
  (*counting)->context = context;
  (*counting)->reactor = reactor;
  (*counting)->response = response;
  const absl::Status taken =
      threads_.Run([this, counting = *counting] { return Count(counting.get()); });
  return taken.ok() ? reactor : Finish(reactor, taken);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ConnectionService::ExportConnections(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  const auto filter = [&]() -> absl::StatusOr<Filter> {
    const auto parsed = Parse<v1::ExportConnectionsRequest>(*request);
    if (!parsed.ok()) return parsed.status();
    return CompileFilter(parsed->filter());
  };
  return ConnectionExport::Start({tracker_, clock_, &threads_, wire_, &exporting_, context},
                                 filter());
}

grpc::ServerReadReactor<v1::ImportConnectionsRequest>* ConnectionService::ImportConnections(
    grpc::CallbackServerContext* context, v1::ImportConnectionsResponse* response) {
  return ConnectionImport::Start({tracker_, sensors_, clock_, &threads_, options_.zone_settings,
                                  options_.access, options_.on_events, &importing_},
                                 context, response);
}

grpc::ServerUnaryReactor* ConnectionService::ExplainPacket(grpc::CallbackServerContext* context,
                                                           const v1::ExplainPacketRequest* request,
                                                           v1::ExplainPacketResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status taken = threads_.Run([=, this] {
    Finish(reactor, Explain(tracker_, clock_->Now(), wire_, *request, response));
    return false;
  });
  return taken.ok() ? reactor : Finish(reactor, taken);
}

grpc::ServerUnaryReactor* ConnectionService::LookupConnections(
    grpc::CallbackServerContext* context, const v1::LookupConnectionsRequest* request,
    v1::LookupConnectionsResponse* response) {
  // Some hundred microseconds for the most tuples: not worth another thread.
  return Finish(context->DefaultReactor(), Lookup(tracker_, clock_->Now(), *request, response));
}

absl::StatusOr<Filter> ConnectionService::CompileFilter(const std::string& text) const {
  FilterOptions options;
  options.slot_count = wire_.slot_count;
  options.sensor_index = [this](absl::string_view id) { return sensors_->IndexOf(id); };
  return Filter::Compile(text, options);
}

absl::Status ConnectionService::Get(const v1::GetConnectionRequest& request,
                                    v1::GetConnectionResponse* response) {
  const auto fields = ConnectionFields::FromMask(request.read_mask());
  if (!fields.ok()) return fields.status();
  const Time server_now = clock_->Now();
  std::optional<StoredConnection> found;
  switch (request.key_case()) {
    case v1::GetConnectionRequest::kId:
      found = tracker_->FindId(request.id(), server_now);
      break;
    case v1::GetConnectionRequest::kTuple: {
      const absl::StatusOr<ParsedKey> key = FromWire(request.tuple());
      if (!key.ok()) return key.status();
      if (const std::optional<ZoneIndex> zone = tracker_->FindZone(request.tuple().zone())) {
        found = tracker_->Find(*zone, key->family, key->protocol, key->source, key->destination,
                               key->ports, server_now);
      }
      break;
    }
    case v1::GetConnectionRequest::KEY_NOT_SET:
      return absl::InvalidArgumentError("key is missing: give an id or a tuple");
  }
  if (!found.has_value()) return absl::NotFoundError("no such connection");
  WireContext wire = wire_;
  wire.fields = *fields;
  ToWire(found->ref(), tracker_->NowOf(found->record.zone, server_now), wire,
         response->mutable_connection());
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<ConnectionService::Counting>> ConnectionService::MakeCounting(
    const v1::CountConnectionsRequest& request) {
  absl::StatusOr<Filter> filter = CompileFilter(request.filter());
  if (!filter.ok()) return filter.status();
  auto counting = std::make_shared<Counting>();
  counting->filter = *std::move(filter);
  counting->server_now = clock_->Now();
  absl::StatusOr<std::unique_ptr<ConnectionCount>> count =
      ConnectionCount::Make(request, wire_.slot_count);
  if (!count.ok()) return count.status();
  counting->count = *std::move(count);
  if (!counting->count->has_groups()) return counting;
  counting->grouping = &grouping_;
  if (grouping_.fetch_add(1) >= kGroupingMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kGroupingMax, " counts with group_by are under way already"));
  }
  return counting;
}

bool ConnectionService::Count(Counting* counting) {
  ConnectionCount* const count = counting->count.get();
  ScanStepOptions step{.server_now = counting->server_now,
                       .filter = &counting->filter,
                       .places_max = PlacesPerStep(counting->filter)};
  if (count->has_groups()) step.visits_max = kNotesPerStep;
  const auto note = [count](const ConnectionRef& connection, Time) { count->Note(connection); };
  bool more = true;
  for (size_t places = 0; more && places < kPlacesPerSlice; places += step.places_max) {
    more = tracker_->Scan(&counting->position, step, note).more;
    count->Settle();
  }
  const bool cancelled = counting->context->IsCancelled();
  if (more && !cancelled) return true;
  if (!cancelled) count->Answer(*sensors_, counting->response);
  Finish(counting->reactor,
         cancelled ? absl::CancelledError("the client is gone") : absl::OkStatus());
  return false;
}

}  // namespace conntrack

#include "server/connection_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/connection_list.h"
#include "server/query_step.h"
#include "server/status.h"

namespace conntrack {
namespace {

// A count that groups visits so many: it only copies what counts.
constexpr size_t kNotesPerStep = 128;

// What the groups of a count may take: 128 bytes each with four addresses, 88 with
// two.
constexpr size_t kGroupsMax = 1u << 20;
constexpr int kGroupingMax = 4;
constexpr int32_t kTopDefault = 100;
constexpr int32_t kTopMax = 10'000;

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
  size_t top = 0;
  GroupOrder order = GroupOrder::kConnections;
  ScanPosition position;
  uint64_t count = 0;
  // Null when it does not group.
  std::unique_ptr<Groups> groups;
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
  if (request.top() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("top ", request.top(), " is below 0"));
  }
  if (!v1::GroupOrder_IsValid(request.order_by())) {
    return absl::InvalidArgumentError(
        absl::StrCat("order_by ", static_cast<int>(request.order_by()), " is unknown"));
  }
  absl::StatusOr<Filter> filter = CompileFilter(request.filter());
  if (!filter.ok()) return filter.status();
  auto counting = std::make_shared<Counting>();
  counting->filter = *std::move(filter);
  counting->server_now = clock_->Now();
  if (request.group_by().empty()) return counting;
  const std::vector<std::string> fields(request.group_by().begin(), request.group_by().end());
  absl::StatusOr<Grouping> grouping = Grouping::Compile(fields, wire_.slot_count);
  if (!grouping.ok()) return grouping.status();
  counting->grouping = &grouping_;
  if (grouping_.fetch_add(1) >= kGroupingMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kGroupingMax, " counts with group_by are under way already"));
  }
  counting->groups = std::make_unique<Groups>(*std::move(grouping), kGroupsMax);
  counting->top =
      static_cast<size_t>(request.top() == 0 ? kTopDefault : std::min(request.top(), kTopMax));
  counting->order = FromWire(request.order_by());
  return counting;
}

bool ConnectionService::Count(Counting* counting) {
  Groups* const groups = counting->groups.get();
  ScanStepOptions step{.server_now = counting->server_now,
                       .filter = &counting->filter,
                       .places_max = PlacesPerStep(counting->filter)};
  if (groups != nullptr) step.visits_max = kNotesPerStep;
  const auto count = [&](const ConnectionRef& connection, Time) {
    ++counting->count;
    if (groups != nullptr) groups->Note(connection);
  };
  bool more = true;
  for (size_t places = 0; more && places < kPlacesPerSlice; places += step.places_max) {
    more = tracker_->Scan(&counting->position, step, count).more;
    if (groups != nullptr) groups->Settle();
  }
  const bool cancelled = counting->context->IsCancelled();
  if (more && !cancelled) return true;
  if (!cancelled) AnswerCount(*counting, counting->response);
  Finish(counting->reactor,
         cancelled ? absl::CancelledError("the client is gone") : absl::OkStatus());
  return false;
}

void ConnectionService::AnswerCount(const Counting& counting,
                                    v1::CountConnectionsResponse* response) const {
  response->set_count(counting.count);
  if (counting.groups == nullptr) return;
  const auto sensor_id = [this](uint16_t index) { return sensors_->IdOf(index); };
  const Groups::Largest largest = counting.groups->Top(counting.top, counting.order);
  for (const Groups::Group& group : largest.groups) {
    v1::ConnectionGroup* const out = response->add_groups();
    for (std::string& value : counting.groups->grouping().Text(group.key, sensor_id)) {
      out->add_values(std::move(value));
    }
    ToWire(group.sums, out);
  }
  if (largest.other.connections > 0) ToWire(largest.other, response->mutable_other());
  response->set_other_groups(largest.other_groups);
  response->set_groups_exceeded(largest.exceeded);
}

}  // namespace conntrack

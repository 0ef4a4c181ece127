#include "server/connection_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/connection_page.h"
#include "server/query_step.h"
#include "server/status.h"

namespace conntrack {
namespace {

constexpr int32_t kPageSizeDefault = 1000;
constexpr int32_t kPageSizeMax = 10'000;
// Connections that are visited under one lock, at some 100 ns each: a few
// microseconds, as long as whoever waits for the lock spins before it sleeps.
constexpr size_t kVisitsPerStep = 32;

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

// What a page token says: where to go on, and what it belongs to.
struct PageToken {
  ScanPosition position;
  uint64_t epoch = 0;
  uint64_t filter_hash = 0;
};

std::string Encode(const PageToken& token) {
  return absl::WebSafeBase64Escape(absl::StrCat(token.position.slot, ".", token.position.place, ".",
                                                token.epoch, ".", token.filter_hash));
}

absl::StatusOr<PageToken> DecodePageToken(const std::string& text, const PageToken& expected) {
  PageToken token;
  std::string plain;
  const absl::Status bad =
      absl::InvalidArgumentError(absl::StrCat("page_token \"", text, "\" is not a token"));
  if (!absl::WebSafeBase64Unescape(text, &plain)) return bad;
  const std::vector<std::string> parts = absl::StrSplit(plain, '.');
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &token.position.slot) ||
      !absl::SimpleAtoi(parts[1], &token.position.place) ||
      !absl::SimpleAtoi(parts[2], &token.epoch) ||
      !absl::SimpleAtoi(parts[3], &token.filter_hash)) {
    return bad;
  }
  if (token.epoch != expected.epoch) {
    return absl::InvalidArgumentError("page_token is of an earlier run of the server");
  }
  if (token.filter_hash != expected.filter_hash) {
    return absl::InvalidArgumentError("page_token is of another filter");
  }
  return token;
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
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status taken = threads_.Run([=, this] {
    Finish(reactor, context->IsCancelled() ? absl::CancelledError("the client is gone")
                                           : List(*request, response));
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
    grpc::ByteBuffer bytes = *request;
    v1::ExportConnectionsRequest parsed;
    if (!grpc::SerializationTraits<v1::ExportConnectionsRequest>::Deserialize(&bytes, &parsed)
             .ok()) {
      return absl::InvalidArgumentError("the request is not an ExportConnectionsRequest");
    }
    return CompileFilter(parsed.filter());
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
  ToWire(found->ref(), tracker_->NowOf(found->record.zone, server_now), wire_,
         response->mutable_connection());
  return absl::OkStatus();
}

absl::Status ConnectionService::List(const grpc::ByteBuffer& request, grpc::ByteBuffer* response) {
  grpc::ByteBuffer bytes = request;
  v1::ListConnectionsRequest parsed;
  if (!grpc::SerializationTraits<v1::ListConnectionsRequest>::Deserialize(&bytes, &parsed).ok()) {
    return absl::InvalidArgumentError("the request is not a ListConnectionsRequest");
  }
  return List(parsed, response);
}

absl::Status ConnectionService::List(const v1::ListConnectionsRequest& request,
                                     grpc::ByteBuffer* response) {
  if (request.page_size() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size ", request.page_size(), " is below 0"));
  }
  const absl::StatusOr<Filter> filter = CompileFilter(request.filter());
  if (!filter.ok()) return filter.status();
  PageToken token{{}, tracker_->options().epoch, absl::HashOf(request.filter())};
  if (!request.page_token().empty()) {
    const absl::StatusOr<PageToken> given = DecodePageToken(request.page_token(), token);
    if (!given.ok()) return given.status();
    token = *given;
  }
  const int32_t page_size =
      request.page_size() == 0 ? kPageSizeDefault : std::min(request.page_size(), kPageSizeMax);
  ConnectionPage page(static_cast<size_t>(page_size), wire_);
  ScanStepOptions step{
      .server_now = clock_->Now(), .filter = &*filter, .places_max = PlacesPerStep(*filter)};
  bool more = true;
  for (size_t places = 0; more && places < kPlacesPerSlice; places += step.places_max) {
    step.visits_max = std::min(kVisitsPerStep, page.room());
    if (step.visits_max == 0) break;
    more = tracker_
               ->Scan(&token.position, step,
                      [&](const ConnectionRef& connection, Time now) { page.Add(connection, now); })
               .more;
  }
  *response = page.Finish(more ? Encode(token) : "");
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

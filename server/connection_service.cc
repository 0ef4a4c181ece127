#include "server/connection_service.h"

#include <algorithm>
#include <optional>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/status.h"

namespace conntrack {
namespace {

constexpr int32_t kPageSizeDefault = 1000;
constexpr int32_t kPageSizeMax = 10'000;
constexpr size_t kPlacesPerStep = 256;
// A page of a filter that matches little ends after so many places: some
// milliseconds.
constexpr size_t kPlacesPerPage = 1u << 20;

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

// Answers a unary call with what `answer` returns.
template <typename Answer>
grpc::ServerUnaryReactor* Respond(grpc::CallbackServerContext* context, Answer answer) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(answer()));
  return reactor;
}

}  // namespace

ConnectionService::ConnectionService(Tracker* tracker, const SensorRegistry* sensors,
                                     const ServerClock* clock)
    : tracker_(tracker),
      sensors_(sensors),
      clock_(clock),
      wire_{sensors, tracker->options().slot_count} {}

grpc::ServerUnaryReactor* ConnectionService::GetConnection(grpc::CallbackServerContext* context,
                                                           const v1::GetConnectionRequest* request,
                                                           v1::GetConnectionResponse* response) {
  return Respond(context, [&] { return Get(*request, response); });
}

grpc::ServerUnaryReactor* ConnectionService::ListConnections(
    grpc::CallbackServerContext* context, const v1::ListConnectionsRequest* request,
    v1::ListConnectionsResponse* response) {
  return Respond(context, [&] { return List(*request, response); });
}

grpc::ServerUnaryReactor* ConnectionService::CountConnections(
    grpc::CallbackServerContext* context, const v1::CountConnectionsRequest* request,
    v1::CountConnectionsResponse* response) {
  return Respond(context, [&] { return Count(*request, context, response); });
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

absl::Status ConnectionService::List(const v1::ListConnectionsRequest& request,
                                     v1::ListConnectionsResponse* response) {
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
  const Time server_now = clock_->Now();
  bool more = true;
  for (size_t places = 0; more && places < kPlacesPerPage; places += kPlacesPerStep) {
    const int32_t room = page_size - response->connections_size();
    if (room == 0) break;
    // A place holds one connection at most, so a page is never overfull.
    const size_t step = std::min(kPlacesPerStep, static_cast<size_t>(room));
    more = tracker_
               ->Scan(&token.position, step, server_now,
                      [&](const ConnectionRef& connection) {
                        const Time now = tracker_->NowOf(connection.record().zone, server_now);
                        if (!filter->Matches(connection, now)) return;
                        ToWire(connection, now, wire_, response->add_connections());
                      })
               .more;
  }
  if (more) response->set_next_page_token(Encode(token));
  return absl::OkStatus();
}

absl::Status ConnectionService::Count(const v1::CountConnectionsRequest& request,
                                      grpc::CallbackServerContext* context,
                                      v1::CountConnectionsResponse* response) {
  const absl::StatusOr<Filter> filter = CompileFilter(request.filter());
  if (!filter.ok()) return filter.status();
  const Time server_now = clock_->Now();
  uint64_t count = 0;
  ScanPosition position;
  bool more = true;
  while (more) {
    if (context->IsCancelled()) return absl::CancelledError("the client is gone");
    more = tracker_
               ->Scan(&position, kPlacesPerStep, server_now,
                      [&](const ConnectionRef& connection) {
                        const Time now = tracker_->NowOf(connection.record().zone, server_now);
                        if (filter->Matches(connection, now)) ++count;
                      })
               .more;
  }
  response->set_count(count);
  return absl::OkStatus();
}

}  // namespace conntrack

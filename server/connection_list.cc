#include "server/connection_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "server/query_step.h"

namespace conntrack {
namespace {

constexpr int32_t kPageSizeDefault = 1000;
constexpr int32_t kPageSizeMax = 10'000;
// Connections that are visited under one lock, at some 100 ns each: a few
// microseconds, as long as whoever waits for the lock spins before it sleeps.
constexpr size_t kVisitsPerStep = 32;
// The same where a visit may have to find its place among many thousand.
constexpr size_t kOffersPerStep = 16;
// Events that a slice of a listing of closed connections looks at: some milliseconds.
constexpr size_t kEventsPerSlice = 1u << 17;

absl::StatusOr<size_t> PageSize(int32_t wanted) {
  if (wanted < 0) {
    return absl::InvalidArgumentError(absl::StrCat("page_size ", wanted, " is below 0"));
  }
  return static_cast<size_t>(wanted == 0 ? kPageSizeDefault : std::min(wanted, kPageSizeMax));
}

// The token of a request, or `first` where it has none.
absl::StatusOr<PageToken> TokenOf(const std::string& text, PageToken first,
                                  const std::string& bound_to) {
  if (text.empty()) return first;
  return DecodePageToken(text, first, bound_to);
}

}  // namespace

ConnectionList::ConnectionList(ListOptions options, size_t rows_max, PageToken token)
    : options_(std::move(options)), token_(std::move(token)), page_(rows_max, options_.wire) {}

absl::StatusOr<std::unique_ptr<ConnectionList>> ConnectionList::Make(
    ListOptions options, const v1::ListConnectionsRequest& request) {
  const absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  const auto fields = ConnectionFields::FromMask(request.read_mask());
  if (!fields.ok()) return fields.status();
  options.wire.fields = *fields;
  std::optional<Ordering> ordering;
  if (!request.order_by().empty()) {
    const auto compiled = Ordering::Compile(request.order_by(), options.wire.slot_count);
    if (!compiled.ok()) return compiled.status();
    ordering = *compiled;
  }
  const PageToken first{options.tracker->options().epoch,
                        absl::HashOf(request.filter(), request.order_by()),
                        std::vector<uint64_t>(ordering.has_value() ? 3 : 2)};
  absl::StatusOr<PageToken> token = TokenOf(request.page_token(), first, "filter or order");
  if (!token.ok()) return token.status();
  const std::vector<uint64_t> place = token->place;
  std::unique_ptr<ConnectionList> list(
      new ConnectionList(std::move(options), *page_size, *std::move(token)));
  if (!ordering.has_value()) {
    list->position_ = {static_cast<uint32_t>(place[0]), static_cast<uint32_t>(place[1])};
    return list;
  }
  std::optional<OrderPlace> after;
  if (!request.page_token().empty()) after = OrderPlace{place[0], place[1], place[2]};
  list->first_.emplace(*ordering, std::min(*page_size, list->page_.room()), after);
  return list;
}

bool ConnectionList::Scan(size_t visits_max, ScanVisit visit) {
  ScanStepOptions step{.server_now = options_.server_now,
                       .filter = &options_.filter,
                       .places_max = PlacesPerStep(options_.filter)};
  for (size_t places = 0; more_ && places < kPlacesPerSlice; places += step.places_max) {
    step.visits_max = first_.has_value() ? visits_max : std::min(visits_max, page_.room());
    if (step.visits_max == 0) break;
    more_ = options_.tracker->Scan(&position_, step, visit).more;
  }
  return more_;
}

bool ConnectionList::Continue() {
  if (!first_.has_value()) {
    // A page may end before it is full, and the client asks for the next.
    Scan(kVisitsPerStep,
         [this](const ConnectionRef& connection, Time now) { page_.Add(connection, now); });
    return false;
  }
  return Scan(kOffersPerStep, [this](const ConnectionRef& connection, Time now) {
    first_->Offer(connection, now);
  });
}

grpc::ByteBuffer ConnectionList::Finish() {
  if (first_.has_value()) return FinishOrdered();
  token_.place = {position_.slot, position_.place};
  return page_.Finish(more_ ? EncodePageToken(token_) : "");
}

grpc::ByteBuffer ConnectionList::FinishOrdered() {
  bool more = first_->more();
  for (const FirstInOrder::Row& row : first_->Take()) {
    if (page_.room() == 0) {
      more = true;
      break;
    }
    page_.Add(row.connection.ref(), row.now);
    token_.place = {row.place.absent, row.place.key, row.place.id};
  }
  return page_.Finish(more ? EncodePageToken(token_) : "");
}

ConnectionClosedList::ConnectionClosedList(ListOptions options, size_t rows_max, PageToken token,
                                           Time closed_after)
    : options_(std::move(options)),
      closed_after_(closed_after),
      token_(std::move(token)),
      slot_(static_cast<uint32_t>(token_.place[0])),
      sequence_(token_.place[1]),
      page_(rows_max, options_.wire) {}

absl::StatusOr<std::unique_ptr<ConnectionClosedList>> ConnectionClosedList::Make(
    ListOptions options, const v1::ListClosedConnectionsRequest& request) {
  const absl::StatusOr<size_t> page_size = PageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  Time closed_after = kNeverYet;
  if (request.has_closed_after()) {
    const absl::StatusOr<Time> time = ReadTime("closed_after", request.closed_after());
    if (!time.ok()) return time.status();
    closed_after = *time;
  }
  const PageToken first{options.tracker->options().epoch,
                        absl::HashOf(request.filter(), UnixNanos(closed_after)),
                        {0, 1}};
  absl::StatusOr<PageToken> token = TokenOf(request.page_token(), first, "filter or closed_after");
  if (!token.ok()) return token.status();
  return std::unique_ptr<ConnectionClosedList>(
      new ConnectionClosedList(std::move(options), *page_size, *std::move(token), closed_after));
}

size_t ConnectionClosedList::Add(const EventRange& range, uint32_t slot) {
  for (size_t i = 0; i < range.count; ++i) {
    const Event& event = range[i];
    if (event.type != EventType::kDestroy || event.time <= closed_after_ ||
        !options_.filter.Matches(event.connection.ref(), event.now)) {
      continue;
    }
    if (page_.room() == 0) return i;
    page_.Add(event, slot);
  }
  return range.count;
}

bool ConnectionClosedList::Continue() {
  const uint32_t slot_count = options_.wire.slot_count;
  for (size_t events = 0; slot_ < slot_count && events < kEventsPerSlice;) {
    const SlotEvents found = options_.tracker->ReadEvents(slot_, sequence_);
    if (found.range.count == 0) {
      ++slot_;
      sequence_ = 1;
      continue;
    }
    const size_t seen = Add(found.range, slot_);
    sequence_ = found.range.first + seen;
    if (seen < found.range.count) return false;
    events += seen;
  }
  return slot_ < slot_count && page_.room() > 0;
}

grpc::ByteBuffer ConnectionClosedList::Finish() {
  token_.place = {slot_, sequence_};
  return page_.Finish(slot_ < options_.wire.slot_count ? EncodePageToken(token_) : "");
}

}  // namespace conntrack

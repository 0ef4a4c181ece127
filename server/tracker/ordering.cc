#include "server/tracker/ordering.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/tracker/check.h"
#include "server/tracker/filter_fields.h"
#include "server/tracker/filter_lexer.h"

namespace conntrack {
namespace {

absl::Status Refuse(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("order_by ", QuoteForMessage(text), " ", why));
}

// The times of a connection are ordered by what the filter language measures from
// them.
std::optional<FilterField> FieldOfTime(absl::string_view name) {
  if (name == "create_time") return FilterField::kAge;
  if (name == "last_seen_time") return FilterField::kIdle;
  if (name == "expire_time") return FilterField::kExpires;
  return std::nullopt;
}

absl::StatusOr<FilterField> FieldOf(absl::string_view text, absl::string_view name) {
  if (const auto field = FieldOfTime(name)) return *field;
  const FieldRow* const row = FindField(name);
  if (row == nullptr) return Refuse(text, "is not a field of the filter language");
  if (row->type == ValueType::kDuration) {
    return Refuse(text,
                  "is measured anew for every page; order by create_time, last_seen_time or "
                  "expire_time");
  }
  if (row->field == FilterField::kPort) {
    return Refuse(text, "stands for two values; name the end, as in original.source_port");
  }
  if (row->type != ValueType::kNumber) return Refuse(text, "does not hold a number");
  return row->field;
}

uint64_t NumberOf(Time time) { return static_cast<uint64_t>(UnixNanos(time)) ^ kSignBit; }

}  // namespace

absl::StatusOr<Ordering> Ordering::Compile(absl::string_view text, uint32_t slot_count) {
  CT_CHECK(slot_count > 0);
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.empty() || words.size() > 2 || absl::StrContains(text, ',')) {
    return Refuse(text, "is not one field, or one field and \"desc\"");
  }
  const bool descending = words.size() == 2 && words[1] == "desc";
  if (words.size() == 2 && !descending && words[1] != "asc") {
    return Refuse(text, "has something else than \"desc\" or \"asc\" behind the field");
  }
  const absl::StatusOr<FilterField> field = FieldOf(text, words[0]);
  if (!field.ok()) return field.status();
  return Ordering(*field, descending, slot_count);
}

OrderPlace Ordering::PlaceOf(const ConnectionRef& connection) const {
  std::optional<uint64_t> number;
  switch (field_) {
    case FilterField::kAge:
      number = NumberOf(connection.created());
      break;
    case FilterField::kIdle:
      number = NumberOf(connection.last_seen());
      break;
    case FilterField::kExpires:
      number = NumberOf(connection.deadline());
      break;
    default:
      // No other field depends on the time.
      number = NumberIn(field_, connection, slot_count_, [] { return kNeverYet; });
  }
  if (!number.has_value()) return {1, 0, connection.id()};
  return {0, descending_ ? ~*number : *number, connection.id()};
}

void FirstInOrder::Offer(const ConnectionRef& connection, Time now) {
  const OrderPlace place = ordering_.PlaceOf(connection);
  if (after_.has_value() && place <= *after_) return;
  const auto before = [this](size_t a, size_t b) { return rows_[a].place < rows_[b].place; };
  if (heap_.size() < rows_.size()) {
    rows_[heap_.size()] = {place, connection.Copy(), now};
    heap_.push_back(heap_.size());
    std::push_heap(heap_.begin(), heap_.end(), before);
    return;
  }
  more_ = true;
  if (rows_[heap_.front()].place < place) return;
  std::pop_heap(heap_.begin(), heap_.end(), before);
  rows_[heap_.back()] = {place, connection.Copy(), now};
  std::push_heap(heap_.begin(), heap_.end(), before);
}

std::vector<FirstInOrder::Row> FirstInOrder::Take() {
  rows_.resize(heap_.size());
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.place < b.place; });
  return std::move(rows_);
}

}  // namespace conntrack

#include "server/connection_export.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "conntrack/v1/connection_service.pb.h"
#include "server/query_step.h"
#include "server/status.h"

namespace conntrack {
namespace {

// A slot that changes so fast that it begins anew more often than this will not
// come to an end.
constexpr int kRestartsMax = 10;

}  // namespace

ConnectionExport::ConnectionExport(const Options& options) : options_(options) {
  options_.exporting->fetch_add(1);
}

ConnectionExport::~ConnectionExport() { options_.exporting->fetch_sub(1); }

ConnectionExport* ConnectionExport::Start(const Options& options,
                                          const absl::StatusOr<Filter>& filter) {
  auto* const reactor = new ConnectionExport(options);
  absl::Status status = filter.status();
  if (status.ok() && options.exporting->load() > kExportsMax) {
    status =
        absl::ResourceExhaustedError(absl::StrCat(kExportsMax, " exports are under way already"));
  }
  if (status.ok()) {
    reactor->filter_ = *filter;
    status = options.threads->Run([reactor] { return reactor->Continue(); });
  }
  if (!status.ok()) reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

void ConnectionExport::OnWriteDone(bool ok) {
  message_.Clear();
  if (!ok) return Finish(ToGrpcStatus(absl::CancelledError("the client is gone")));
  options_.threads->Resume([this] { return Continue(); });
}

void ConnectionExport::OnDone() { delete this; }

bool ConnectionExport::Continue() {
  if (options_.context->IsCancelled()) {
    Finish(ToGrpcStatus(absl::CancelledError("the client is gone")));
    return false;
  }
  if (slot_ == options_.wire.slot_count) {
    Finish(grpc::Status::OK);
    return false;
  }
  const size_t places = PlacesPerStep(filter_);
  for (size_t looked = 0; looked < kPlacesPerSlice; looked += places) {
    if (restarts_ > kRestartsMax) {
      Finish(ToGrpcStatus(absl::AbortedError(
          absl::StrCat("slot ", slot_,
                       " changes faster than it is read; event_bytes_max is too small, "
                       "or the client too slow"))));
      return false;
    }
    if (!Step()) continue;
    SendPart();
    return false;
  }
  return true;
}

bool ConnectionExport::Step() {
  if (cut_ == nullptr) cut_ = std::make_unique<SlotCut>(options_.tracker, slot_, &filter_);
  const auto put = [this](const ConnectionRef& connection, Time now) {
    removed_.erase(connection.id());
    AddConnection(v1::ExportConnectionsResponse::kConnectionsFieldNumber, connection, now,
                  options_.wire, &rows_);
  };
  const auto remove = [this](uint64_t id) { removed_.insert(id); };
  const SlotCut::State state =
      cut_->Next(options_.clock->Now(), PlacesPerStep(filter_), put, remove);
  if (state == SlotCut::State::kLost) {
    cut_ = nullptr;
    rows_.Take();
    removed_.clear();
    restarted_ = true;
    ++restarts_;
    return false;
  }
  whole_ = state == SlotCut::State::kWhole;
  return whole_ || rows_.size() >= kPartBytes || removed_.size() >= kPartRemovedMax;
}

void ConnectionExport::SendPart() {
  v1::ExportConnectionsResponse rest;
  rest.set_slot(slot_);
  rest.set_restarted(restarted_);
  for (const uint64_t id : removed_) rest.add_removed_ids(id);
  if (whole_) {
    rest.mutable_cut()->set_epoch(options_.tracker->options().epoch);
    rest.mutable_cut()->set_sequence(cut_->sequence());
    ++slot_;
    restarts_ = 0;
    cut_ = nullptr;
  }
  rows_.Append(rest.SerializeAsString());
  message_ = rows_.Take();
  removed_.clear();
  restarted_ = false;
  StartWrite(&message_);
}

}  // namespace conntrack

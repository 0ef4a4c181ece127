#include "server/connection_import.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/convert_stored.h"
#include "server/status.h"

namespace conntrack {

ConnectionImport::ConnectionImport(const Options& options, grpc::CallbackServerContext* context,
                                   v1::ImportConnectionsResponse* response)
    : options_(options), context_(context), response_(response) {
  options_.importing->fetch_add(1);
}

ConnectionImport::~ConnectionImport() { options_.importing->fetch_sub(1); }

ConnectionImport* ConnectionImport::Start(const Options& options,
                                          grpc::CallbackServerContext* context,
                                          v1::ImportConnectionsResponse* response) {
  auto* const reactor = new ConnectionImport(options, context, response);
  absl::Status status = options.access.check(*context);
  if (status.ok() && options.importing->load() > kImportsMax) {
    status =
        absl::ResourceExhaustedError(absl::StrCat(kImportsMax, " imports are under way already"));
  }
  if (status.ok()) {
    reactor->StartRead(&reactor->request_);
  } else {
    reactor->Finish(ToGrpcStatus(status));
  }
  return reactor;
}

void ConnectionImport::OnReadDone(bool ok) {
  if (!ok) return End();
  options_.threads->Resume([this] {
    ImportRead();
    StartRead(&request_);
    return false;
  });
}

void ConnectionImport::OnDone() { delete this; }

void ConnectionImport::ImportRead() {
  const uint64_t imported = counts_[v1::IMPORT_REJECTION_UNSPECIFIED];
  for (const v1::Connection& connection : request_.connections()) {
    std::string detail;
    const v1::ImportRejection reason = Import(connection, &detail);
    ++counts_[reason];
    const uint64_t index = index_++;
    if (reason == v1::IMPORT_REJECTION_UNSPECIFIED ||
        response_->rejected_connections_size() >= kRejectedMax) {
      continue;
    }
    v1::RejectedConnection* const rejected = response_->add_rejected_connections();
    rejected->set_index(index);
    rejected->set_reason(reason);
    rejected->set_detail(std::move(detail));
  }
  if (counts_[v1::IMPORT_REJECTION_UNSPECIFIED] > imported) options_.on_events();
}

v1::ImportRejection ConnectionImport::Import(const v1::Connection& connection,
                                             std::string* detail) {
  Tracker& tracker = *options_.tracker;
  const Time server_now = options_.clock->Now();
  std::optional<ZoneIndex> zone = tracker.FindZone(connection.zone());
  const Time now = zone.has_value() ? tracker.NowOf(*zone, server_now) : server_now;
  if (now == kNeverYet) return v1::IMPORT_REJECTION_NO_CLOCK;
  const auto stored = FromWire(connection, now, *options_.sensors);
  if (!stored.ok()) {
    *detail = std::string(stored.status().message());
    return absl::IsOutOfRange(stored.status()) ? v1::IMPORT_REJECTION_EXPIRED
                                               : v1::IMPORT_REJECTION_INVALID;
  }
  if (!zone.has_value()) {
    const auto opened = tracker.OpenZone(connection.zone(), std::nullopt,
                                         options_.zone_settings(connection.zone()));
    if (!opened.ok()) {
      *detail = std::string(opened.status().message());
      return v1::IMPORT_REJECTION_TOO_MANY_ZONES;
    }
    zone = *opened;
  }
  switch (tracker.Restore(*stored, *zone, server_now)) {
    case Restored::kExists:
      return v1::IMPORT_REJECTION_EXISTS;
    case Restored::kZoneFull:
      return v1::IMPORT_REJECTION_ZONE_FULL;
    case Restored::kDone:
      break;
  }
  return v1::IMPORT_REJECTION_UNSPECIFIED;
}

void ConnectionImport::End() {
  const uint64_t imported = counts_[v1::IMPORT_REJECTION_UNSPECIFIED];
  std::string text = absl::StrCat("ImportConnections: ", imported, " of ", index_, " imported");
  response_->set_imported_connections(imported);
  for (size_t i = 1; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const auto reason = static_cast<v1::ImportRejection>(i);
    v1::ImportRejectionCount* const count = response_->add_rejections();
    count->set_reason(reason);
    count->set_connections(counts_[i]);
    absl::StrAppend(&text, ", ", counts_[i], " ", v1::ImportRejection_Name(reason));
  }
  const bool cancelled = context_->IsCancelled();
  options_.access.log(*context_, absl::StrCat(text, cancelled ? "; cancelled before the end" : ""));
  Finish(ToGrpcStatus(cancelled ? absl::CancelledError("the client is gone") : absl::OkStatus()));
}

}  // namespace conntrack

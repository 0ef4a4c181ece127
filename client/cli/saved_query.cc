#include "client/cli/saved_query.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/saved_file.h"
#include "server/connection_count.h"
#include "server/convert.h"
#include "server/convert_stored.h"
#include "server/sensors.h"
#include "server/tracker/filter.h"
#include "server/tracker/tuple.h"

namespace conntrack::cli {
namespace {

// A saved export, and what the server knew besides its connections.
class SavedExport {
 public:
  static absl::StatusOr<std::unique_ptr<SavedExport>> Open(const std::string& path) {
    auto file = SavedFile::Open(path);
    if (!file.ok()) return file.status();
    if ((*file)->head().server.slot_count() == 0) {
      return absl::DataLossError(absl::StrCat(path, " does not say how many slots its server had"));
    }
    auto saved = std::unique_ptr<SavedExport>(new SavedExport(*std::move(file)));
    for (const v1::Sensor& sensor : saved->file_->head().sensors.sensors()) {
      const auto opened = saved->sensors_.Open(sensor.sensor_id(), {}, 1, 0);
      if (!opened.ok()) return opened.status();
    }
    return saved;
  }

  uint32_t slot_count() const { return file_->head().server.slot_count(); }
  const SensorRegistry& sensors() const { return sensors_; }

  absl::StatusOr<Filter> CompileFilter(const std::string& text) const {
    FilterOptions options;
    options.slot_count = slot_count();
    options.sensor_index = [this](absl::string_view id) { return sensors_.IndexOf(id); };
    return Filter::Compile(text, options);
  }

  // Gives all connections, both as told and as the tracker has them, until `visit` says false.
  absl::Status Visit(
      const std::function<bool(const v1::Connection&, const ToldConnection&)>& visit);

 private:
  explicit SavedExport(std::unique_ptr<SavedFile> file)
      : file_(std::move(file)), sensors_(std::max(1, file_->head().sensors.sensors_size())) {}

  const std::unique_ptr<SavedFile> file_;
  SensorRegistry sensors_;
};

absl::Status SavedExport::Visit(
    const std::function<bool(const v1::Connection&, const ToldConnection&)>& visit) {
  v1::ExportConnectionsResponse part;
  for (;;) {
    const auto more = file_->Next(&part);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
    for (const v1::Connection& connection : part.connections()) {
      const auto told = ToldFromWire(connection, sensors_);
      if (!told.ok()) {
        return absl::DataLossError(
            absl::StrCat("connection ", connection.id(), ": ", told.status().message()));
      }
      if (!visit(connection, *told)) return absl::OkStatus();
    }
  }
}

// Whether this is the connection that a request means. The tracker's key of a tuple is
// the same in both directions.
class Meant {
 public:
  static absl::StatusOr<Meant> Make(const v1::GetConnectionRequest& request) {
    if (!request.has_tuple()) return Meant(request.id());
    const auto parsed = FromWire(request.tuple());
    if (!parsed.ok()) return parsed.status();
    Meant meant(0);
    meant.zone_ = request.tuple().zone();
    meant.key_ = MakeKey(0, parsed->family, parsed->protocol, parsed->source, parsed->destination,
                         parsed->ports);
    return meant;
  }

  bool Is(const ConnectionRef& connection) const {
    if (!zone_.has_value()) return connection.id() == id_;
    return key_.has_value() && connection.zone_id() == *zone_ && connection.key() == key_->key;
  }

 private:
  explicit Meant(uint64_t id) : id_(id) {}

  uint64_t id_;
  // Of a tuple.
  std::optional<uint32_t> zone_;
  std::optional<DirectedKey> key_;
};

}  // namespace

absl::Status ListSaved(const std::string& path, const std::string& filter,
                       const std::function<bool(const v1::Connection&)>& visit) {
  const auto saved = SavedExport::Open(path);
  if (!saved.ok()) return saved.status();
  const auto compiled = (*saved)->CompileFilter(filter);
  if (!compiled.ok()) return compiled.status();
  return (*saved)->Visit([&](const v1::Connection& connection, const ToldConnection& told) {
    return !compiled->Matches(told.connection.ref(), told.now) || visit(connection);
  });
}

absl::StatusOr<v1::Connection> GetSaved(const std::string& path,
                                        const v1::GetConnectionRequest& request) {
  const auto meant = Meant::Make(request);
  if (!meant.ok()) return meant.status();
  const auto saved = SavedExport::Open(path);
  if (!saved.ok()) return saved.status();
  std::optional<v1::Connection> found;
  const absl::Status status =
      (*saved)->Visit([&](const v1::Connection& connection, const ToldConnection& told) {
        if (meant->Is(told.connection.ref())) found = connection;
        return !found.has_value();
      });
  if (!status.ok()) return status;
  if (!found.has_value()) return absl::NotFoundError("no such connection");
  return *found;
}

absl::StatusOr<v1::CountConnectionsResponse> CountSaved(
    const std::string& path, const v1::CountConnectionsRequest& request) {
  const auto saved = SavedExport::Open(path);
  if (!saved.ok()) return saved.status();
  const auto filter = (*saved)->CompileFilter(request.filter());
  if (!filter.ok()) return filter.status();
  const auto count = ConnectionCount::Make(request, (*saved)->slot_count());
  if (!count.ok()) return count.status();
  size_t noted = 0;
  const absl::Status status =
      (*saved)->Visit([&](const v1::Connection&, const ToldConnection& told) {
        if (!filter->Matches(told.connection.ref(), told.now)) return true;
        (*count)->Note(told.connection.ref());
        if (++noted % (Groups::kNotedMax / 2) == 0) (*count)->Settle();
        return true;
      });
  if (!status.ok()) return status;
  (*count)->Settle();
  v1::CountConnectionsResponse response;
  (*count)->Answer((*saved)->sensors(), &response);
  return response;
}

}  // namespace conntrack::cli

// conntrackctl zones: the tables within the server, and their settings.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/duration.h"
#include "client/cli/format_json.h"
#include "client/cli/format_table.h"
#include "client/cli/names.h"
#include "client/cli/verbs.h"
#include "client/cli/zone_settings.h"
#include "conntrack/v1/admin_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

std::string ZonesTable(const v1::ListZonesResponse& response) {
  Table table({{"ZONE", true},
               {"CLOCK"},
               {"TIME"},
               {"CONNECTIONS", true},
               {"MOST", true},
               {"EVICTED", true},
               {"NEW", true},
               {"ESTABLISHED", true},
               {"RELATED", true},
               {"INVALID", true},
               {"UNTRACKED", true},
               {"TABLE FULL", true}});
  for (const v1::Zone& zone : response.zones()) {
    const v1::VerdictCounts& packets = zone.packets();
    table.Add({absl::StrCat(zone.zone()), ClockText(zone.clock()),
               zone.has_time() ? TimeText(zone.time()) : "", absl::StrCat(zone.connections()),
               absl::StrCat(zone.settings().connections_max()),
               absl::StrCat(zone.evicted_connections()), absl::StrCat(packets.new_()),
               absl::StrCat(packets.established()), absl::StrCat(packets.related()),
               absl::StrCat(packets.invalid()), absl::StrCat(packets.untracked()),
               absl::StrCat(packets.table_full())});
  }
  return table.Flush();
}

void AddSettings(const v1::Zone& zone, Table* table) {
  for (const auto& [path, value] : SettingTexts(zone.settings())) {
    table->Add({absl::StrCat(zone.zone()), path, value});
  }
}

std::vector<Table::Column> SettingsColumns() {
  return {{"ZONE", true}, {"SETTING"}, {"VALUE", true}};
}

std::string SettingsTable(const v1::ListZonesResponse& response) {
  Table table(SettingsColumns());
  for (const v1::Zone& zone : response.zones()) AddSettings(zone, &table);
  return table.Flush();
}

absl::Status Zones(Invocation& invocation, bool settings) {
  v1::ListZonesResponse response;
  const absl::Status status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::ListZones,
                                                                v1::ListZonesRequest(), &response);
  if (!status.ok()) return status;
  Output& output = invocation.output();
  switch (invocation.format()) {
    case Format::kJson:
      output.Write(JsonText(response));
      break;
    case Format::kJsonLines:
      for (const v1::Zone& zone : response.zones()) output.Write(JsonLine(zone) + "\n");
      break;
    default:
      output.Write(settings ? SettingsTable(response) : ZonesTable(response));
  }
  return absl::OkStatus();
}

absl::Status Set(Invocation& invocation, uint32_t zone,
                 const std::vector<std::string>& assignments) {
  v1::UpdateZoneRequest request;
  request.set_zone(zone);
  for (const std::string& assignment : assignments) {
    const absl::Status status = ApplySetting(assignment, &request);
    if (!status.ok()) return status;
  }
  v1::UpdateZoneResponse response;
  const absl::Status status =
      invocation.Call<v1::AdminService>(&v1::AdminService::Stub::UpdateZone, request, &response);
  if (!status.ok()) return status;
  switch (invocation.format()) {
    case Format::kJson:
      invocation.output().Write(JsonText(response.zone()));
      break;
    case Format::kJsonLines:
      invocation.output().Write(JsonLine(response.zone()) + "\n");
      break;
    default:
      Table table(SettingsColumns());
      AddSettings(response.zone(), &table);
      invocation.output().Write(table.Flush());
  }
  return absl::OkStatus();
}

struct SetOptions {
  uint32_t zone = 0;
  std::vector<std::string> assignments;
};

}  // namespace

void AddZonesVerb(CLI::App& app, Invocation& invocation) {
  auto settings = std::make_shared<bool>(false);
  CLI::App* zones =
      invocation.AddVerb(app, "zones", "Show the zones, or change one",
                         [&invocation, settings] { return Zones(invocation, *settings); });
  zones->add_flag("--settings", *settings, "Show their settings");
  zones->require_subcommand(0, 1);
  auto options = std::make_shared<SetOptions>();
  CLI::App* set = invocation.AddVerb(
      *zones, "set", "Change settings of a zone",
      [&invocation, options] { return Set(invocation, options->zone, options->assignments); });
  set->add_option("ZONE", options->zone, "The zone")->required();
  set->add_option("NAME=VALUE", options->assignments,
                  "Settings, such as tcp.established=1h; zones --settings lists them")
      ->required();
  invocation.SetManual(*zones, {{"conntrackctl zones", "the zones and their totals"},
                                {"conntrackctl zones --settings", "their settings"}});
  invocation.SetManual(*set, {{"conntrackctl zones set 1 tcp.established=1h connections_max=500000",
                               "a shorter timeout and a lower limit"},
                              {"conntrackctl zones set 7 tcp.established=1h",
                               "of a zone that there is not", kExitNotFound}});
}

}  // namespace conntrack::cli

// conntrackctl zones: the tables within the server, and their settings.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/duration.h"
#include "client/cli/names.h"
#include "client/cli/verbs.h"
#include "client/cli/zone_settings.h"
#include "conntrack/v1/admin_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

std::vector<Table::Column> ZoneColumns() {
  return {{"ZONE", true},
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
          {"TABLE FULL", true}};
}

std::vector<std::string> ZoneRow(const v1::Zone& zone) {
  const v1::VerdictCounts& packets = zone.packets();
  return {absl::StrCat(zone.zone()),
          ClockText(zone.clock()),
          zone.has_time() ? TimeText(zone.time()) : "",
          absl::StrCat(zone.connections()),
          absl::StrCat(zone.settings().connections_max()),
          absl::StrCat(zone.evicted_connections()),
          absl::StrCat(packets.new_()),
          absl::StrCat(packets.established()),
          absl::StrCat(packets.related()),
          absl::StrCat(packets.invalid()),
          absl::StrCat(packets.untracked()),
          absl::StrCat(packets.table_full())};
}

std::vector<Table::Column> SettingsColumns() {
  return {{"ZONE", true}, {"SETTING"}, {"VALUE", true}};
}

void AddSettings(const v1::Zone& zone, Table* table) {
  for (const auto& [path, value] : SettingTexts(zone.settings())) {
    table->Add({absl::StrCat(zone.zone()), path, value});
  }
}

// What stands in the row of a zone, a line each, and its settings.
void AddAll(const v1::Zone& zone, Table* table) {
  const std::vector<Table::Column> columns = ZoneColumns();
  const std::vector<std::string> row = ZoneRow(zone);
  for (size_t i = 0; i < row.size(); ++i) {
    table->Add({absl::AsciiStrToLower(columns[i].heading), row[i]});
  }
  for (const auto& [path, value] : SettingTexts(zone.settings())) table->Add({path, value});
}

absl::StatusOr<v1::ListZonesResponse> ListZones(Invocation& invocation) {
  v1::ListZonesResponse response;
  absl::Status status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::ListZones,
                                                          v1::ListZonesRequest(), &response);
  if (!status.ok()) return status;
  return response;
}

absl::Status Zones(Invocation& invocation, bool settings) {
  const auto response = ListZones(invocation);
  if (!response.ok()) return response.status();
  PrintList(invocation, *response, response->zones(), settings ? SettingsColumns() : ZoneColumns(),
            [&](Table* table) {
              for (const v1::Zone& zone : response->zones()) {
                if (settings) {
                  AddSettings(zone, table);
                } else {
                  table->Add(ZoneRow(zone));
                }
              }
            });
  return absl::OkStatus();
}

absl::Status Show(Invocation& invocation, uint32_t number) {
  const auto response = ListZones(invocation);
  if (!response.ok()) return response.status();
  for (const v1::Zone& zone : response->zones()) {
    if (zone.zone() != number) continue;
    PrintAnswer(invocation, zone, {{"FIELD"}, {"VALUE", true}},
                [&](Table* table) { AddAll(zone, table); });
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("zone ", number, " does not exist"));
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
  PrintAnswer(invocation, response.zone(), SettingsColumns(),
              [&](Table* table) { AddSettings(response.zone(), table); });
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
  auto number = std::make_shared<uint32_t>(0);
  CLI::App* show = invocation.AddVerb(*zones, "show", "Show one zone and its settings",
                                      [&invocation, number] { return Show(invocation, *number); });
  show->add_option("ZONE", *number, "The zone")->required();
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
  invocation.SetManual(*show, {{"conntrackctl zones show 1", "its totals and settings"}});
  invocation.SetManual(*set, {{"conntrackctl zones set 1 tcp.established=1h connections_max=500000",
                               "a shorter timeout and a lower limit"},
                              {"conntrackctl zones set 7 tcp.established=1h",
                               "of a zone that there is not", kExitNotFound}});
}

}  // namespace conntrack::cli

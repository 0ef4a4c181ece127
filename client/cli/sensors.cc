// conntrackctl sensors: who feeds the server, and whether anything was lost.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/duration.h"
#include "client/cli/loss_ledger.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/admin_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

std::vector<Table::Column> Columns() {
  return {{"SENSOR"},         {"ZONE", true},         {"CONNECTED"},
          {"LAST MESSAGE"},   {"LAG", true},          {"CAPTURED", true},
          {"APPLIED", true},  {"EARLIER", true},      {"REJECTED", true},
          {"FILTERED", true}, {"KERNEL DROPS", true}, {"BUFFER DROPS", true},
          {"LEDGER"},         {"REPEATED", true},     {"SOFTWARE"}};
}

void AddSensors(const v1::ListSensorsResponse& response, Table* table) {
  for (const v1::Sensor& sensor : response.sensors()) {
    const v1::SensorCounts& counts = sensor.counts();
    table->Add({sensor.sensor_id(), absl::StrCat(sensor.zone()), sensor.connected() ? "yes" : "no",
                sensor.has_last_message_time() ? TimeText(sensor.last_message_time()) : "",
                sensor.has_lag() ? DurationText(sensor.lag()) : "",
                absl::StrCat(counts.captured_packets()), absl::StrCat(sensor.applied_packets()),
                absl::StrCat(sensor.earlier_packets()), absl::StrCat(sensor.rejected_packets()),
                absl::StrCat(counts.filtered_packets()),
                absl::StrCat(counts.kernel_dropped_packets()),
                absl::StrCat(counts.buffer_dropped_packets()), LedgerText(sensor),
                absl::StrCat(sensor.duplicate_packets()), sensor.software()});
  }
}

absl::Status Sensors(Invocation& invocation) {
  v1::ListSensorsResponse response;
  const absl::Status status = invocation.Call<v1::AdminService>(
      &v1::AdminService::Stub::ListSensors, v1::ListSensorsRequest(), &response);
  if (!status.ok()) return status;
  PrintList(invocation, response, response.sensors(), Columns(),
            [&](Table* table) { AddSensors(response, table); });
  return absl::OkStatus();
}

}  // namespace

void AddSensorsVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb =
      invocation.AddVerb(app, "sensors", "Show the sensors and what became of their packets",
                         [&invocation] { return Sensors(invocation); });
  invocation.SetManual(
      *verb,
      {{"conntrackctl sensors", "who feeds the server, and what was lost"},
       {"conntrackctl sensors -o jsonl", "the same, for a program"}},
      "The ledger of a sensor adds up when CAPTURED = APPLIED + EARLIER + REJECTED +\n"
      "FILTERED + both kinds of drops. EARLIER were acknowledged by a server before\n"
      "this one. REPEATED packets came a second time and count as applied once.");
}

}  // namespace conntrack::cli

// conntrackctl stats: totals of the whole server.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/duration.h"
#include "client/cli/names.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/admin_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

void AddTotals(const v1::GetStatsResponse& stats, Table* table) {
  const auto add = [table](const std::string& name, uint64_t value) {
    table->Add({name, absl::StrCat(value)});
  };
  table->Add({"software", stats.software()});
  table->Add({"start time", TimeText(stats.start_time())});
  add("slots", stats.slot_count());
  add("connections", stats.connections());
  add("packets new", stats.packets().new_());
  add("packets established", stats.packets().established());
  add("packets related", stats.packets().related());
  add("packets invalid", stats.packets().invalid());
  for (const v1::InvalidCount& invalid : stats.invalid()) {
    add(absl::StrCat("  ", ReasonText(invalid.reason())), invalid.packets());
  }
  add("packets untracked", stats.packets().untracked());
  add("packets table full", stats.packets().table_full());
  add("events new", stats.events().new_());
  add("events update", stats.events().update());
  add("events destroy", stats.events().destroy());
  add("connections evicted", stats.evicted_connections());
  add("watchers", stats.watchers());
  add("events lost by watchers", stats.lost_events());
}

absl::Status Stats(Invocation& invocation) {
  v1::GetStatsResponse response;
  const absl::Status status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::GetStats,
                                                                v1::GetStatsRequest(), &response);
  if (!status.ok()) return status;
  PrintAnswer(invocation, response, {{"TOTAL"}, {"VALUE", true}},
              [&](Table* table) { AddTotals(response, table); });
  return absl::OkStatus();
}

}  // namespace

void AddStatsVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = invocation.AddVerb(app, "stats", "Show totals of the server",
                                      [&invocation] { return Stats(invocation); });
  invocation.SetManual(*verb, {{"conntrackctl stats", "totals since the server began"},
                               {"conntrackctl stats -o json", "the same, for a program"}});
}

}  // namespace conntrack::cli

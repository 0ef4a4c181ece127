// conntrackctl count: how many connections match, and in which groups.
#include "client/cli/count.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/saved_query.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

struct CountOptions {
  FilterFlags filter;
  std::vector<std::string> group_by;
  int32_t top = 20;
  std::string order_by = "connections";
  std::string input_file;
};

const std::map<std::string, v1::GroupOrder>& Orders() {
  static const std::map<std::string, v1::GroupOrder> orders = {
      {"connections", v1::GROUP_ORDER_CONNECTIONS},
      {"packets", v1::GROUP_ORDER_PACKETS},
      {"bytes", v1::GROUP_ORDER_BYTES}};
  return orders;
}

}  // namespace

std::vector<Table::Column> CountColumns(const std::vector<std::string>& group_by) {
  std::vector<Table::Column> columns;
  if (group_by.empty()) return {{"CONNECTIONS", true}};
  columns.reserve(group_by.size() + 3);
  for (const std::string& field : group_by) columns.push_back({absl::AsciiStrToUpper(field)});
  for (const char* amount : {"CONNECTIONS", "PACKETS", "BYTES"}) columns.push_back({amount, true});
  return columns;
}

void AddCounts(const std::vector<std::string>& group_by,
               const v1::CountConnectionsResponse& response, Table* table) {
  if (group_by.empty()) {
    table->Add({absl::StrCat(response.count())});
    return;
  }
  const auto add = [&](std::vector<std::string> row, const v1::ConnectionGroup& group) {
    row.resize(group_by.size());
    for (const uint64_t amount : {group.connections(), group.packets(), group.bytes()}) {
      row.push_back(absl::StrCat(amount));
    }
    table->Add(std::move(row));
  };
  for (const v1::ConnectionGroup& group : response.groups()) {
    std::vector<std::string> row(group.values().begin(), group.values().end());
    for (std::string& value : row) {
      if (value.empty()) value = "-";
    }
    add(std::move(row), group);
  }
  if (response.has_other()) {
    // With too many groups some were not even counted.
    add({absl::StrCat("other (", response.groups_exceeded() ? "over " : "", response.other_groups(),
                      ")")},
        response.other());
  }
}

namespace {

absl::Status Count(Invocation& invocation, const CountOptions& options) {
  auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  v1::CountConnectionsRequest request;
  request.set_filter(*filter);
  if (!options.group_by.empty()) {
    request.mutable_group_by()->Add(options.group_by.begin(), options.group_by.end());
    request.set_top(options.top);
    request.set_order_by(Orders().at(options.order_by));
  }
  v1::CountConnectionsResponse response;
  if (options.input_file.empty()) {
    const absl::Status status = invocation.Call<v1::ConnectionService>(
        &v1::ConnectionService::Stub::CountConnections, request, &response);
    if (!status.ok()) return status;
  } else {
    auto saved = CountSaved(options.input_file, request);
    if (!saved.ok()) return saved.status();
    response = *std::move(saved);
  }
  if (IsTable(invocation.format()) && options.group_by.empty()) {
    // A bare number, for scripts.
    invocation.output().Write(absl::StrCat(response.count(), "\n"));
    return absl::OkStatus();
  }
  PrintAnswer(invocation, response, CountColumns(options.group_by),
              [&](Table* table) { AddCounts(options.group_by, response, table); });
  return absl::OkStatus();
}

}  // namespace

void AddCountVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<CountOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "count", "Count the connections that are open",
                         [&invocation, options] { return Count(invocation, *options); });
  AddFilterFlags(*verb, &options->filter);
  AddInputFile(*verb, &options->input_file);
  const std::string group = "Groups";
  auto* group_by = verb->add_option("--group-by", options->group_by,
                                    "Fields of the filter language, addresses with /LENGTH or "
                                    "/IPV4_LENGTH/IPV6_LENGTH")
                       ->type_name("FIELD[,FIELD…]")
                       ->delimiter(',')
                       ->allow_extra_args(false)
                       ->group(group);
  verb->add_option("--top", options->top, "How many groups; the others are summed as one")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str()
      ->needs(group_by)
      ->group(group);
  verb->add_option("--order-by", options->order_by, "What makes a group large")
      ->check(CLI::IsMember({"connections", "packets", "bytes"}))
      ->capture_default_str()
      ->needs(group_by)
      ->group(group);
  invocation.SetManual(
      *verb, {{"conntrackctl count -p tcp --state SYN_SENT --filter 'idle > 60s'",
               "TCP connections that nobody answered within a minute"},
              {"conntrackctl count --group-by original.source/24/64,protocol --top 10",
               "the networks with the most connections"},
              {"conntrackctl count -p tcp --group-by state -o json", "TCP connections by state"}});
}

}  // namespace conntrack::cli

// conntrackctl update: marks, labels and timeouts of the connections that match.
#include "client/cli/update.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/duration.h"
#include "client/cli/filter_flags.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

constexpr uint32_t kLabels = 128;

struct UpdateOptions {
  FilterFlags filter;
  bool all = false;
  bool dry_run = false;
  std::string mark;
  std::vector<uint32_t> labels_add;
  std::vector<uint32_t> labels_delete;
  std::vector<std::string> labels;
  std::string timeout;
};

absl::StatusOr<uint32_t> ParseBits(const std::string& text) {
  uint32_t value = 0;
  const bool is_number = absl::StartsWith(text, "0x") || absl::StartsWith(text, "0X")
                             ? absl::SimpleHexAtoi(text, &value)
                             : absl::SimpleAtoi(text, &value);
  if (is_number) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a number of 0 to 0xffffffff"));
}

absl::Status FillLabels(const UpdateOptions& options, v1::UpdateConnectionsRequest* request) {
  for (const uint32_t label : options.labels_add) request->mutable_labels()->add_set(label);
  for (const uint32_t label : options.labels_delete) request->mutable_labels()->add_clear(label);
  if (options.labels.empty()) return absl::OkStatus();
  // What is not set stands cleared.
  for (uint32_t label = 0; label < kLabels; ++label) request->mutable_labels()->add_clear(label);
  if (options.labels == std::vector<std::string>{"none"}) return absl::OkStatus();
  for (const std::string& text : options.labels) {
    uint32_t label = 0;
    if (!absl::SimpleAtoi(text, &label) || label >= kLabels) {
      return absl::InvalidArgumentError(
          absl::StrCat("--labels \"", text, "\" is neither a number of 0 to 127 nor none"));
    }
    request->mutable_labels()->add_set(label);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::UpdateConnectionsRequest> RequestOf(const UpdateOptions& options) {
  const auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  v1::UpdateConnectionsRequest request;
  request.set_filter(*filter);
  request.set_all(options.all);
  request.set_dry_run(options.dry_run);
  if (!options.mark.empty()) {
    const auto mark = ParseMark(options.mark);
    if (!mark.ok()) return mark.status();
    *request.mutable_mark() = *mark;
  }
  if (absl::Status status = FillLabels(options, &request); !status.ok()) return status;
  if (!options.timeout.empty()) {
    const auto timeout = ParseDuration(options.timeout);
    if (!timeout.ok()) return timeout.status();
    *request.mutable_timeout() = ToProto(*timeout);
  }
  return request;
}

absl::Status Update(Invocation& invocation, const UpdateOptions& options) {
  const auto request = RequestOf(options);
  if (!request.ok()) return request.status();
  v1::UpdateConnectionsResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::UpdateConnections, *request, &response);
  if (!status.ok()) return status;
  PrintAnswer(
      invocation, response, {{"MATCHED", true}, {"UPDATED", true}, {"DRY RUN"}}, [&](Table* table) {
        table->Add({absl::StrCat(response.matched_connections()),
                    absl::StrCat(response.updated_connections()), options.dry_run ? "yes" : "no"});
      });
  return absl::OkStatus();
}

void AddChangeFlags(CLI::App& verb, UpdateOptions* options) {
  const std::string group = "What changes";
  const auto labels = [&](const char* name, std::vector<uint32_t>& value, const char* help) {
    return verb.add_option(name, value, help)
        ->type_name("N[,N…]")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Range(0u, kLabels - 1))
        ->group(group);
  };
  verb.add_option("--mark", options->mark, "The mark; with a mask, only the bits of the mask")
      ->type_name("N[/MASK]")
      ->group(group);
  auto* add = labels("--label-add", options->labels_add, "Labels to set, 0 to 127");
  auto* del = labels("--label-del", options->labels_delete, "Labels to clear");
  verb.add_option("--labels", options->labels, "Exactly these labels; none for no label")
      ->type_name("N[,N…]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->excludes(add)
      ->excludes(del)
      ->group(group);
  verb.add_option("--timeout", options->timeout,
                  "The time left, until the next packet. The --timeout of every command stands "
                  "in front of the verb")
      ->type_name("DURATION")
      ->group(group);
}

}  // namespace

absl::StatusOr<v1::MarkUpdate> ParseMark(const std::string& text) {
  const size_t slash = text.find('/');
  v1::MarkUpdate update;
  const auto value = ParseBits(text.substr(0, slash));
  if (!value.ok())
    return absl::InvalidArgumentError(absl::StrCat("--mark ", value.status().message()));
  update.set_value(*value);
  if (slash == std::string::npos) return update;
  const auto mask = ParseBits(text.substr(slash + 1));
  if (!mask.ok())
    return absl::InvalidArgumentError(absl::StrCat("--mark ", mask.status().message()));
  update.set_mask(*mask);
  return update;
}

void AddUpdateVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<UpdateOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "update", "Change mark, labels or timeout of connections",
                         [&invocation, options] { return Update(invocation, *options); });
  AddWriteFilterFlags(*verb, &options->filter, &options->all, &options->dry_run);
  AddChangeFlags(*verb, options.get());
  invocation.SetManual(
      *verb,
      {{"conntrackctl update -p tcp --dport 80 --mark 0x10/0xff --dry-run",
        "how many would change"},
       {"conntrackctl update -p udp --label-add 1,5", "labels beside the others"},
       {"conntrackctl update --filter 'labels:5' --labels none", "takes all labels away"},
       {"conntrackctl update --all --zone 1 --mark 7", "a zone is a filter: --all is too much",
        kExitUsage},
       {"conntrackctl update --zone 1 --mark 7", "all connections of a zone"}},
      "Says how many matched, and how many of them were not yet as they shall be.");
}

}  // namespace conntrack::cli

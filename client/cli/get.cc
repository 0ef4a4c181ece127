// conntrackctl get: one connection, by its id or by a tuple of either direction.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/connection_printer.h"
#include "client/cli/filter_flags.h"
#include "client/cli/format_json.h"
#include "client/cli/saved_query.h"
#include "client/cli/tuple_flags.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

struct GetOptions {
  std::optional<uint64_t> id;
  TupleFlags tuple;
  std::string input_file;
};

absl::StatusOr<v1::Connection> Ask(Invocation& invocation,
                                   const v1::GetConnectionRequest& request) {
  v1::GetConnectionResponse response;
  const absl::Status status = invocation.Call<v1::ConnectionService>(
      &v1::ConnectionService::Stub::GetConnection, request, &response);
  if (!status.ok()) return status;
  return response.connection();
}

absl::Status Get(Invocation& invocation, const GetOptions& options) {
  v1::GetConnectionRequest request;
  if (options.id.has_value()) {
    request.set_id(*options.id);
  } else {
    if (options.tuple.empty()) return absl::InvalidArgumentError("get needs an ID, or a tuple");
    const auto key = KeyOf(options.tuple);
    if (!key.ok()) return key.status();
    *request.mutable_tuple() = *key;
  }
  const auto connection =
      options.input_file.empty() ? Ask(invocation, request) : GetSaved(options.input_file, request);
  if (!connection.ok()) return connection.status();
  if (invocation.format() == Format::kJson) {
    invocation.output().Write(JsonText(*connection));
    return absl::OkStatus();
  }
  ConnectionPrinter printer(invocation);
  printer.Print(*connection);
  printer.End();
  return absl::OkStatus();
}

}  // namespace

void AddGetVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<GetOptions>();
  CLI::App* verb = invocation.AddVerb(
      app, "get", "Show one connection",
      [&invocation, options] { return Get(invocation, *options); }, ConnectionFormats());
  verb->add_option("ID", options->id, "The connection's id");
  AddInputFile(*verb, &options->input_file);
  AddTupleFlags(*verb, "Or its tuple, of either direction", &options->tuple);
  invocation.SetManual(
      *verb,
      {{"conntrackctl get -p tcp -s 192.0.2.1 --sport 53786 -d 192.0.2.2 --dport 22 --zone 1",
        "the connection of a tuple"},
       {"conntrackctl get -p tcp -s 192.0.2.2 --sport 22 -d 192.0.2.1 --dport 53786 --zone 1 "
        "-o json",
        "the same, by the tuple of its replies"},
       {"conntrackctl get 1795350804189085", "one by its id, which there is not", kExitNotFound}});
}

}  // namespace conntrack::cli

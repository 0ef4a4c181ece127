// conntrackctl import: makes the connections of an export.
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/answer.h"
#include "client/cli/saved_file.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

// Rejected connections that are told in words.
constexpr int kToldMax = 10;

std::string RejectionText(v1::ImportRejection reason) {
  return absl::AsciiStrToLower(
      absl::StripPrefix(v1::ImportRejection_Name(reason), "IMPORT_REJECTION_"));
}

void AddOutcomes(const v1::ImportConnectionsResponse& response, Table* table) {
  table->Add({"imported", absl::StrCat(response.imported_connections())});
  for (const auto& rejection : response.rejections()) {
    table->Add({RejectionText(rejection.reason()), absl::StrCat(rejection.connections())});
  }
}

// Some were left out: says which, and how many.
absl::Status LeftOut(const v1::ImportConnectionsResponse& response) {
  uint64_t left_out = 0;
  for (const auto& rejection : response.rejections()) left_out += rejection.connections();
  if (left_out == 0) return absl::OkStatus();
  for (int i = 0; i < response.rejected_connections_size() && i < kToldMax; ++i) {
    const v1::RejectedConnection& rejected = response.rejected_connections(i);
    Invocation::Say(absl::StrCat("connection ", rejected.index(), ": ",
                                 RejectionText(rejected.reason()), ": ", rejected.detail()));
  }
  return absl::FailedPreconditionError(absl::StrCat(left_out, " connections were not imported, ",
                                                    response.imported_connections(), " were"));
}

absl::Status Import(Invocation& invocation, const std::string& path) {
  const auto file = SavedFile::Open(path);
  if (!file.ok()) return file.status();
  const auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  // However long it takes: there may be many connections.
  grpc::ClientContext context;
  const auto stub = v1::ConnectionService::NewStub(*channel);
  v1::ImportConnectionsResponse response;
  const auto stream = stub->ImportConnections(&context, &response);
  absl::Status broken;
  v1::ExportConnectionsResponse part;
  for (;;) {
    const auto more = (*file)->Next(&part);
    if (!more.ok()) broken = more.status();
    if (!more.ok() || !*more) break;
    v1::ImportConnectionsRequest request;
    request.mutable_connections()->Swap(part.mutable_connections());
    // The server is gone, or has refused: Finish says which.
    if (request.connections_size() > 0 && !stream->Write(request)) break;
  }
  stream->WritesDone();
  const absl::Status status = client::FromGrpcStatus(stream->Finish());
  if (!status.ok()) return status;
  PrintAnswer(invocation, response, {{"OUTCOME"}, {"CONNECTIONS", true}},
              [&](Table* table) { AddOutcomes(response, table); });
  // What stands in front of the damage is imported.
  return broken.ok() ? LeftOut(response) : broken;
}

}  // namespace

void AddImportVerb(CLI::App& app, Invocation& invocation) {
  auto path = std::make_shared<std::string>();
  CLI::App* verb = invocation.AddVerb(app, "import", "Make the connections of an export",
                                      [&invocation, path] { return Import(invocation, *path); });
  verb->add_option("FILE", *path, "What export wrote; - for standard input")->required();
  invocation.SetManual(
      *verb,
      {{"conntrackctl export --output-file all.ctx\nconntrackctl import all.ctx",
        "those that are open are not made again", kExitFailed},
       {"conntrackctl import missing.ctx", "a file that there is not", kExitUsage}},
      "Connections have the time left that they had in the file, from now on. One that\n"
      "exists already, or cannot be, is left out: then import says which and why, and\n"
      "exits with 1. What stands in front of damage in the file is imported.");
}

}  // namespace conntrack::cli

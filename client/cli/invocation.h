// One run of conntrackctl: the options that all verbs share, the verb that was
// chosen, and how it speaks to the server and the user.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <CLI/App.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/colour.h"
#include "client/cli/format.h"
#include "client/cli/format_table.h"
#include "client/cli/output.h"
#include "conntrack/channel.h"
#include "conntrack/status.h"
#include "docs/manual/manual.h"

namespace conntrack::cli {

using manual::Example;
using manual::Manual;

// What the process returns.
enum ExitCode {
  kExitOk = 0,
  kExitFailed = 1,    // The server or the network.
  kExitUsage = 2,     // An option, or what the server says of an argument.
  kExitNotFound = 3,  // No such connection or zone.
};

class Invocation {
 public:
  explicit Invocation(int output_descriptor) : output_(output_descriptor) {}

  // Adds the options that all verbs share.
  void AddOptions(CLI::App& app);

  // Adds a verb that knows `formats`; another one is wrong usage. `run` is called after
  // parsing when it was the one chosen.
  CLI::App* AddVerb(CLI::App& app, const std::string& name, const std::string& description,
                    std::function<absl::Status()> run, const Formats& formats = RowFormats());

  // Adds notes and examples to the help of `verb`, which is the program or one of its verbs,
  // and to its manual page. To be called once, after the verbs of `verb` were added.
  void SetManual(CLI::App& verb, std::vector<Example> examples, std::string notes = "");

  // What was set; nothing for a verb without.
  const Manual& ManualOf(const CLI::App& verb) const;

  // What Run returns when the verb went well: conntrack(8) has exit codes of its own.
  void set_exit_code(int code) { exit_code_ = code; }

  // Runs the chosen verb, flushes the output and complains on standard error.
  int Run();

  Output& output() { return output_; }
  Format format() const { return format_; }
  // How rows are written: as CSV, or as a table with colours or without.
  Table::Style table_style() const;
  std::chrono::milliseconds timeout() const { return timeout_; }
  const std::string& server() const { return channel_options_.server; }

  // The channel, opened at the first call.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();

  // One call of a service's method, with the time limit.
  //
  //   v1::GetStatsResponse response;
  //   Call<v1::AdminService>(&v1::AdminService::Stub::GetStats, request, &response)
  template <typename Service, typename Method, typename Request, typename Response>
  absl::Status Call(Method method, const Request& request, Response* response) {
    auto channel = Channel();
    if (!channel.ok()) return channel.status();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    const auto stub = Service::NewStub(*channel);
    return client::FromGrpcStatus(((*stub).*method)(&context, request, response));
  }

  // One sentence for people, and the exit code.
  std::string Sentence(const absl::Status& status) const;
  static ExitCode CodeOf(const absl::Status& status);

  // Says a sentence on standard error.
  static void Say(const std::string& sentence);

 private:
  // Takes from the configuration files what neither flags nor environment said.
  absl::Status ReadConfig();
  // Makes what it needs of the options that all verbs share.
  absl::Status ReadOptions();

  // The options that all verbs share, once they are added.
  std::vector<CLI::Option*> options_;
  client::ChannelOptions channel_options_;
  std::string config_;
  std::string timeout_text_ = "10s";
  std::string format_text_ = "table";
  std::string colour_text_ = "auto";
  std::chrono::milliseconds timeout_{10'000};
  Format format_ = Format::kTable;
  bool colours_ = false;
  Output output_;
  std::shared_ptr<grpc::Channel> channel_;
  // Of the verb that was chosen.
  std::function<absl::Status()> verb_;
  int exit_code_ = kExitOk;
  Formats formats_;
  std::map<const CLI::App*, Manual> manuals_;
};

}  // namespace conntrack::cli

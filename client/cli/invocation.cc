#include "client/cli/invocation.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/duration.h"

namespace conntrack::cli {
namespace {

// The last line of a verb's help.
constexpr char kSharedOptions[] = "Options of every command and exit codes: conntrackctl --help";

const std::map<std::string, Format>& Formats() {
  static const auto* const formats =
      new std::map<std::string, Format>{{"table", Format::kTable},
                                        {"conntrack", Format::kConntrack},
                                        {"extended", Format::kExtended},
                                        {"json", Format::kJson},
                                        {"jsonl", Format::kJsonLines}};
  return *formats;
}

// gRPC wraps the cause, which is what people look for, in its own story.
std::string Cause(const std::string& message) {
  for (const std::string story : {"Failed to connect to remote host: ", "last error: "}) {
    const size_t at = message.rfind(story);
    if (at != std::string::npos) return message.substr(at + story.size());
  }
  return message;
}

}  // namespace

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const auto& [name, format] : Formats()) names.push_back(name);
  return names;
}

void Invocation::AddOptions(CLI::App& app) {
  const std::string group = "Options of every command";
  app.add_option("--server", channel_options_.server, "Where the server listens")
      ->type_name("HOST:PORT")
      ->envname("CONNTRACKCTL_SERVER")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--tls", channel_options_.tls, "Use TLS, with the system's authorities")
      ->envname("CONNTRACKCTL_TLS")
      ->group(group);
  app.add_option("--tls-ca", channel_options_.tls_ca_file,
                 "Authorities that may sign the server's certificate")
      ->type_name("FILE")
      ->envname("CONNTRACKCTL_TLS_CA")
      ->group(group);
  app.add_option("--tls-cert", channel_options_.tls_certificate_file, "Own certificate")
      ->type_name("FILE")
      ->envname("CONNTRACKCTL_TLS_CERT")
      ->group(group);
  app.add_option("--tls-key", channel_options_.tls_key_file, "Own key")
      ->type_name("FILE")
      ->envname("CONNTRACKCTL_TLS_KEY")
      ->group(group);
  app.add_option("--tls-server-name", channel_options_.tls_server_name,
                 "The name in the server's certificate, when it is not HOST")
      ->type_name("NAME")
      ->envname("CONNTRACKCTL_TLS_SERVER_NAME")
      ->group(group);
  app.add_option("--timeout", timeout_text_, "Most time one call to the server may take")
      ->type_name("DURATION")
      ->envname("CONNTRACKCTL_TIMEOUT")
      ->capture_default_str()
      ->group(group);
  app.add_option("-o,--output", format_text_,
                 "table, json or jsonl; for connections also conntrack or extended, "
                 "the formats of conntrack(8)")
      ->type_name("FORMAT")
      ->envname("CONNTRACKCTL_OUTPUT")
      ->capture_default_str()
      ->group(group);
}

CLI::App* Invocation::AddVerb(CLI::App& app, const std::string& name,
                              const std::string& description, std::function<absl::Status()> run) {
  CLI::App* verb = app.add_subcommand(name, description);
  // Options of every command are understood behind the verb too.
  verb->fallthrough();
  verb->footer(HelpFooter({}, kSharedOptions));
  verb->callback([this, verb, run = std::move(run)] {
    // `zones set` is not `zones`.
    if (verb->get_subcommands().empty()) verb_ = run;
  });
  return verb;
}

void Invocation::SetManual(CLI::App& verb, std::vector<Example> examples, std::string notes) {
  Manual manual = {std::move(notes), std::move(examples)};
  verb.footer(HelpFooter(manual, verb.get_parent() == nullptr ? "" : kSharedOptions));
  manuals_[&verb] = std::move(manual);
}

const Manual& Invocation::ManualOf(const CLI::App& verb) const {
  static const auto* const none = new Manual();
  const auto found = manuals_.find(&verb);
  return found == manuals_.end() ? *none : found->second;
}

int Invocation::Run() {
  const auto complain = [this](const absl::Status& status) {
    Say(Sentence(status));
    return CodeOf(status);
  };
  const auto timeout = ParseDuration(timeout_text_);
  if (!timeout.ok()) return complain(timeout.status());
  if (timeout->count() == 0) return complain(absl::InvalidArgumentError("timeout is 0"));
  timeout_ = *timeout;
  const auto format = Formats().find(format_text_);
  if (format == Formats().end()) {
    return complain(absl::InvalidArgumentError(absl::StrCat(
        "output \"", format_text_, "\" is none of table, conntrack, extended, json, jsonl")));
  }
  format_ = format->second;

  absl::Status status = verb_();
  output_.Flush();
  if (status.ok()) status = output_.status();
  // Whoever closed the output has seen enough.
  if (status.ok() || (output_.closed() && output_.status().ok())) return exit_code_;
  return complain(status);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Invocation::Channel() {
  if (channel_ == nullptr) {
    auto channel = client::OpenChannel(channel_options_);
    if (!channel.ok()) return channel.status();
    channel_ = *std::move(channel);
  }
  return channel_;
}

std::string Invocation::Sentence(const absl::Status& status) const {
  const std::string message(status.message());
  const auto reason = client::ReasonOf(status);
  if (status.code() == absl::StatusCode::kUnavailable && !reason.has_value()) {
    return absl::StrCat("cannot reach ", channel_options_.server, ": ", Cause(message));
  }
  if (status.code() == absl::StatusCode::kDeadlineExceeded && message == "Deadline Exceeded") {
    return absl::StrCat(channel_options_.server, " did not answer within ", DurationText(timeout_));
  }
  if (status.code() == absl::StatusCode::kUnimplemented) {
    return absl::StrCat(channel_options_.server, " is not a conntrack-server, or an older one",
                        message.empty() ? "" : ": ", message);
  }
  std::string sentence = message.empty() ? absl::StatusCodeToString(status.code()) : message;
  // Errors without a reason of their own carry the name of their code.
  if (reason.has_value() && !reason->reason.empty() &&
      reason->reason != absl::StatusCodeToString(status.code())) {
    absl::StrAppend(&sentence, " (", reason->reason, ")");
  }
  return sentence;
}

ExitCode Invocation::CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    default:
      return kExitFailed;
  }
}

void Invocation::Say(const std::string& sentence) {
  std::fprintf(stderr, "conntrackctl: %s\n", sentence.c_str());
}

}  // namespace conntrack::cli

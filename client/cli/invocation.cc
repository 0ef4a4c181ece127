#include "client/cli/invocation.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/config_file.h"
#include "client/cli/duration.h"

namespace conntrack::cli {
namespace {

// The last line of a verb's help.
constexpr char kSharedOptions[] = "Options of every command and exit codes: conntrackctl --help";

// The name of an option in a configuration file.
std::string KeyOf(const CLI::Option& option) {
  return absl::StrReplaceAll(option.get_lnames().front(), {{"-", "_"}});
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

void Invocation::AddOptions(CLI::App& app) {
  const std::string group = "Options of every command";
  // "--tls-ca" is CONNTRACKCTL_TLS_CA, and tls_ca in a configuration file.
  const auto shared = [&](CLI::Option* option) {
    options_.push_back(option);
    const std::string variable = absl::AsciiStrToUpper(KeyOf(*option));
    return option->envname("CONNTRACKCTL_" + variable)->group(group);
  };
  shared(app.add_option("--server", channel_options_.server, "Where the server listens"))
      ->type_name("HOST:PORT")
      ->capture_default_str();
  shared(app.add_flag("--tls", channel_options_.tls, "Use TLS, with the system's authorities"));
  shared(app.add_option("--tls-ca", channel_options_.tls_ca_file,
                        "Authorities that may sign the server's certificate"))
      ->type_name("FILE");
  shared(app.add_option("--tls-cert", channel_options_.tls_certificate_file, "Own certificate"))
      ->type_name("FILE");
  shared(app.add_option("--tls-key", channel_options_.tls_key_file, "Own key"))->type_name("FILE");
  shared(app.add_option("--tls-server-name", channel_options_.tls_server_name,
                        "The name in the server's certificate, when it is not HOST"))
      ->type_name("NAME");
  shared(app.add_option("--timeout", timeout_text_, "Most time one call to the server may take"))
      ->type_name("DURATION")
      ->capture_default_str();
  shared(app.add_option("-o,--output", format_text_,
                        "table, wide, json, jsonl or csv; for connections also conntrack or "
                        "extended, the formats of conntrack(8)"))
      ->type_name("FORMAT")
      ->capture_default_str();
  shared(app.add_option(
             "--color", colour_text_,
             "Colours in tables: auto, which is on terminals without NO_COLOR; always; never"))
      ->type_name("WHEN")
      ->capture_default_str();
  app.add_option("--config", config_,
                 "Read this file, and not ~/.config/conntrack/ctl.yaml and /etc/conntrack/ctl.yaml")
      ->type_name("FILE")
      ->envname("CONNTRACKCTL_CONFIG")
      ->group(group);
}

CLI::App* Invocation::AddVerb(CLI::App& app, const std::string& name,
                              const std::string& description, std::function<absl::Status()> run,
                              const Formats& formats) {
  CLI::App* verb = app.add_subcommand(name, description);
  // Options of every command are understood behind the verb too.
  verb->fallthrough();
  verb->footer(manual::HelpFooter({}, kSharedOptions));
  verb->callback([this, verb, run = std::move(run), formats] {
    // `zones set` is not `zones`.
    if (!verb->get_subcommands().empty()) return;
    verb_ = run;
    formats_ = formats;
  });
  return verb;
}

void Invocation::SetManual(CLI::App& verb, std::vector<Example> examples, std::string notes) {
  Manual manual = {std::move(notes), std::move(examples)};
  verb.footer(manual::HelpFooter(manual, verb.get_parent() == nullptr ? "" : kSharedOptions));
  manuals_[&verb] = std::move(manual);
}

const Manual& Invocation::ManualOf(const CLI::App& verb) const {
  static const auto* const none = new Manual();
  const auto found = manuals_.find(&verb);
  return found == manuals_.end() ? *none : found->second;
}

int Invocation::Run() {
  absl::Status status = ReadOptions();
  if (status.ok()) status = verb_();
  output_.Flush();
  if (status.ok()) status = output_.status();
  // Whoever closed the output has seen enough.
  if (status.ok() || (output_.closed() && output_.status().ok())) return exit_code_;
  Say(Sentence(status));
  return CodeOf(status);
}

absl::Status Invocation::ReadConfig() {
  std::map<std::string, CLI::Option*> options;
  std::vector<std::string> keys;
  for (CLI::Option* option : options_) {
    keys.push_back(KeyOf(*option));
    options[keys.back()] = option;
  }
  const std::vector<std::string> paths =
      config_.empty() ? ConfigPaths() : std::vector<std::string>{config_};
  for (const std::string& path : paths) {
    const auto values = ReadConfigFile(path, keys);
    if (absl::IsNotFound(values.status()) && config_.empty()) continue;
    // That a file is missing is no answer of the server.
    if (absl::IsNotFound(values.status())) {
      return absl::InvalidArgumentError(values.status().message());
    }
    if (!values.ok()) return values.status();
    for (const ConfigValue& value : *values) {
      CLI::Option* const option = options.at(value.key);
      // Flags, the environment, or a file that counts more.
      if (option->count() > 0) continue;
      try {
        option->add_result(value.value);
        option->run_callback();
      } catch (const CLI::ParseError&) {
        return absl::InvalidArgumentError(absl::StrCat(value.place, ": ", value.key, " \"",
                                                       value.value, "\" is not true or false"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Invocation::ReadOptions() {
  if (absl::Status status = ReadConfig(); !status.ok()) return status;
  const auto timeout = ParseDuration(timeout_text_);
  if (!timeout.ok()) return timeout.status();
  if (timeout->count() == 0) return absl::InvalidArgumentError("timeout is 0");
  timeout_ = *timeout;
  const auto format = ParseFormat(format_text_, formats_);
  if (!format.ok()) return format.status();
  format_ = *format;
  const auto colours = ParseColourMode(colour_text_);
  if (!colours.ok()) return colours.status();
  colours_ = MayColour(*colours, output_.descriptor());
  return absl::OkStatus();
}

Table::Style Invocation::table_style() const {
  if (format_ == Format::kCsv) return Table::Style::kCsv;
  return colours_ ? Table::Style::kColoured : Table::Style::kPlain;
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

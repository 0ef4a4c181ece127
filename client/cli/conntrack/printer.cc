#include "client/cli/conntrack/printer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/conntrack/format_save.h"
#include "client/cli/conntrack/format_xml.h"

namespace conntrack::cli {
namespace {

ConntrackStyle StyleOf(const ConntrackOptions& options) {
  const auto has = [&](OutputKind kind) { return (options.output & kind) != 0; };
  return {.extended = has(kExtended),
          .id = has(kId),
          .ktimestamp = has(kKtimestamp),
          .labels = has(kLabels) ? &options.label_names : nullptr};
}

}  // namespace

ConntrackPrinter::ConntrackPrinter(Output& output, const ConntrackOptions& options)
    : output_(output),
      options_(options),
      style_(StyleOf(options)),
      document_(Has(kXml) &&
                (options.command == Command::kList || options.command == Command::kGet ||
                 options.command == Command::kEvents)) {}

void ConntrackPrinter::Write(const std::string& line) {
  if (document_ && printed_ == 0) output_.Write(kXmlBegin);
  output_.Write(line + "\n");
  ++printed_;
}

void ConntrackPrinter::Print(const v1::Connection& connection) {
  // Whoever asked for one entry holds a reference to it while it is printed.
  const bool one = options_.command == Command::kGet || options_.command == Command::kUpdate;
  ConntrackParts parts = PartsOf(connection, one ? 2 : 1);
  // conntrack(8) leaves them out of what it changed.
  parts.moments = options_.command != Command::kDelete && options_.command != Command::kUpdate;
  if (Has(kXml)) {
    Write(ConntrackXml(connection, style_, parts));
  } else if (Has(kSave)) {
    Write(ConntrackSaveLine(connection, options_.command == Command::kDelete ? 'D' : 'A', parts));
  } else {
    Write(ConntrackLine(connection, style_, parts));
  }
}

void ConntrackPrinter::Print(const v1::Event& event) {
  if (Has(kXml)) {
    Write(ConntrackXml(event, style_, Has(kTimestamp)));
  } else if (Has(kSave)) {
    Write(ConntrackSaveLine(event));
  } else if (Has(kTimestamp)) {
    constexpr int kNanosPerMicro = 1'000;
    Write(absl::StrFormat("[%d.%06d]\t", event.time().seconds(),
                          event.time().nanos() / kNanosPerMicro) +
          ConntrackEventLine(event, style_));
  } else {
    Write(ConntrackEventLine(event, style_));
  }
}

void ConntrackPrinter::End() {
  // That of -G stays open, as conntrack(8) leaves it.
  if (document_ && printed_ > 0 && options_.command != Command::kGet) output_.Write(kXmlEnd);
  output_.Flush();
}

}  // namespace conntrack::cli

#include "client/sensor/run.h"

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/sensor/exit_code.h"
#include "client/sensor/feed.h"
#include "client/sensor/summary.h"
#include "conntrack/channel.h"

namespace conntrack::sensor {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

void PrintError(const std::string& message) {
  std::fprintf(stderr, "conntrack-sensor: %s\n", message.c_str());
}

int ExitCodeOfOpen(const absl::Status& status) {
  return absl::IsUnimplemented(status) ? kExitLinkType : kExitInput;
}

absl::StatusOr<std::unique_ptr<Capture>> OpenInput(const Options& options, StopSignal& stop) {
  if (options.read_file.empty()) return OpenCaptureInterface(options.interface);
  return OpenCaptureFile(options.read_file, options.interface.filter,
                         [&stop] { return !stop.Requested(); });
}

absl::StatusOr<std::unique_ptr<client::IngestSession>> StartSession(const Options& options) {
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = client::OpenChannel(options.channel);
  if (!channel.ok()) return channel.status();
  client::IngestOptions ingest;
  ingest.sensor_id = options.sensor_id;
  ingest.zone = options.zone;
  ingest.clock = options.clock;
  ingest.software = absl::StrCat("conntrack-sensor ", kVersion);
  ingest.buffer_bytes_max = options.buffer_bytes_max;
  // For files the Sender waits for room itself.
  ingest.when_full = client::WhenFull::kDrop;
  return client::IngestSession::Start(*std::move(channel), ingest);
}

// Waits for the first welcome in steps, so that a signal is seen. Cancelled
// when one came.
absl::Status Connect(const Options& options, client::IngestSession& session, StopSignal& stop) {
  constexpr milliseconds kStep{20};
  const Clock::time_point deadline = Clock::now() + options.connect_timeout;
  for (;;) {
    const absl::Status connected = session.WaitConnected(kStep);
    if (connected.ok()) return connected;
    if (stop.Requested()) return absl::CancelledError("stopped before the server answered");
    if (!absl::IsDeadlineExceeded(connected)) return connected;
    if (Clock::now() < deadline) continue;
    const absl::Status last = session.connection_status();
    return absl::UnavailableError(
        absl::StrCat("server ", options.channel.server, " did not answer within ",
                     options.connect_timeout.count(), " ms",
                     last.ok() ? "" : absl::StrCat(": ", std::string(last.message()))));
  }
}

// Everything after the capture and the session are there.
class Runner {
 public:
  Runner(const Options& options, Capture& capture, client::IngestSession& session, StopSignal& stop)
      : options_(options),
        capture_(capture),
        session_(session),
        start_(Clock::now()),
        feed_(options, &capture, &session, &stop) {}

  int Run() {
    const absl::Status read = feed_.Read();
    const absl::Status finished = feed_.Finish();
    Summary summary = MakeSummary();
    int exit_code = kExitOk;
    if (!read.ok()) {
      exit_code = kExitDamaged;
      summary.errors.push_back(absl::StrCat(input(), ": ", std::string(read.message())));
    }
    if (!finished.ok()) {
      exit_code = kExitServer;
      summary.errors.push_back(
          absl::StrCat("server ", options_.channel.server, ": ", std::string(finished.message())));
    }
    for (const client::Rejection& rejection : summary.rejections) {
      exit_code = kExitServer;
      summary.errors.push_back(absl::StrCat("server ", options_.channel.server, " rejected batch ",
                                            rejection.sequence, " with ", rejection.packets,
                                            " packets: ", rejection.reason));
    }
    if (!summary.ledger_error.empty()) {
      exit_code = kExitLedger;
      summary.errors.push_back(absl::StrCat("the counts do not add up: ", summary.ledger_error));
    }
    for (const std::string& error : summary.errors) PrintError(error);
    PrintHints(summary.ledger);
    const std::string text =
        options_.output == OutputFormat::kJson ? SummaryAsJson(summary) : SummaryAsText(summary);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    return exit_code;
  }

 private:
  // What to try when much was discarded for a reason that has a switch.
  static void PrintHints(const Ledger& ledger) {
    const uint64_t wrong = ledger.discarded[static_cast<size_t>(Discard::kIpv4Checksum)];
    if (wrong == 0 || wrong < ledger.read_packets / 2) return;
    PrintError(absl::StrCat("note: ", wrong, " of ", ledger.read_packets,
                            " packets have a wrong IPv4 header checksum and were discarded; if the "
                            "capture was anonymised, --checksum ignore takes them"));
  }

  std::string input() const {
    if (options_.read_file == "-") return "standard input";
    return options_.read_file.empty() ? options_.interface.name : options_.read_file;
  }

  Summary MakeSummary() {
    Summary summary;
    summary.input = input();
    summary.ledger = feed_.ledger();
    summary.sent = feed_.counts();
    summary.rejections = session_.rejections();
    summary.interface_dropped_packets = capture_.kernel_drops().interface;
    summary.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    summary.ledger_error = summary.ledger.Check(summary.sent);
    return summary;
  }

  const Options& options_;
  Capture& capture_;
  client::IngestSession& session_;
  const Clock::time_point start_;
  Feed feed_;
};

}  // namespace

int Run(const Options& options, StopSignal& stop) {
  const absl::StatusOr<std::unique_ptr<Capture>> capture = OpenInput(options, stop);
  if (absl::IsCancelled(capture.status())) return kExitOk;
  if (!capture.ok()) {
    PrintError(std::string(capture.status().message()));
    return ExitCodeOfOpen(capture.status());
  }
  if (options.interface.name == "any") {
    PrintError(
        "warning: 'any' sees a packet once on each interface it passes, and copies of a packet "
        "disturb the state of its connection; name one interface unless nothing is forwarded");
  }
  const absl::StatusOr<std::unique_ptr<client::IngestSession>> session = StartSession(options);
  if (!session.ok()) {
    PrintError(std::string(session.status().message()));
    return kExitUsage;
  }
  const absl::Status connected = Connect(options, **session, stop);
  if (absl::IsCancelled(connected)) return kExitOk;
  if (!connected.ok()) {
    PrintError(std::string(connected.message()));
    return kExitServer;
  }
  return Runner(options, **capture, **session, stop).Run();
}

}  // namespace conntrack::sensor

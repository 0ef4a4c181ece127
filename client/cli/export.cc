// conntrackctl export: all connections that match, as a file that import and
// --input-file read.
#include <fcntl.h>
#include <google/protobuf/struct.pb.h>
#include <unistd.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/export_slot.h"
#include "client/cli/filter_flags.h"
#include "client/cli/saved_file.h"
#include "client/cli/verbs.h"
#include "conntrack/v1/admin_service.grpc.pb.h"
#include "conntrack/v1/connection_service.grpc.pb.h"

namespace conntrack::cli {
namespace {

struct ExportOptions {
  FilterFlags filter;
  std::string output_file;
};

// How far it is, on standard error while that is a terminal, some times a second.
class Progress {
 public:
  explicit Progress(uint32_t slots) : slots_(slots), shown_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (written_) std::fputs("\r\x1b[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(uint32_t slot, uint64_t connections) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    written_ = true;
    std::fprintf(stderr, "\r\x1b[Kslot %u of %u, %llu connections", slot + 1, slots_,
                 static_cast<unsigned long long>(connections));
    std::fflush(stderr);
  }

 private:
  const uint32_t slots_;
  const bool shown_;
  bool written_ = false;
  std::chrono::steady_clock::time_point next_;
};

struct Exported {
  uint64_t connections = 0;
  uint64_t bytes = 0;
};

// Writes the export to `output`.
absl::StatusOr<Exported> Write(Invocation& invocation, const std::string& filter, Output* output) {
  Exported exported;
  const auto write = [&](const std::string& bytes) {
    exported.bytes += bytes.size();
    output->Write(bytes);
  };
  SavedHead head;
  head.request.set_filter(filter);
  absl::Status status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::GetStats,
                                                          v1::GetStatsRequest(), &head.server);
  if (status.ok()) {
    status = invocation.Call<v1::AdminService>(&v1::AdminService::Stub::ListSensors,
                                               v1::ListSensorsRequest(), &head.sensors);
  }
  if (!status.ok()) return status;
  const auto channel = invocation.Channel();
  if (!channel.ok()) return channel.status();
  // However long it takes: there may be many connections.
  grpc::ClientContext context;
  const auto stub = v1::ConnectionService::NewStub(*channel);
  const auto stream = stub->ExportConnections(&context, head.request);
  write(SavedHeadBytes(head));
  Progress progress(head.server.slot_count());
  ExportSlot slot;
  v1::ExportConnectionsResponse part;
  while (!output->closed() && stream->Read(&part)) {
    const uint32_t number = part.slot();
    slot.Add(&part);
    if (!part.has_cut()) continue;
    exported.connections += slot.size();
    for (const auto& whole : slot.Take()) write(SavedPartBytes(whole));
    progress.Show(number, exported.connections);
  }
  if (output->closed()) context.TryCancel();
  status = client::FromGrpcStatus(stream->Finish());
  if (output->closed())
    return output->status().ok() ? exported : absl::StatusOr<Exported>(output->status());
  if (!status.ok()) return status;
  write(SavedEndBytes(exported.connections));
  output->Flush();
  if (!output->status().ok()) return output->status();
  return exported;
}

absl::Status FileError(const std::string& what, const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(errno)));
}

// To FILE.tmp, which becomes FILE once it is whole and on the disk.
absl::Status ExportToFile(Invocation& invocation, const std::string& filter,
                          const std::string& path) {
  const std::string draft = path + ".tmp";
  const int descriptor = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError("write", draft);
  Output output(descriptor);
  const auto exported = Write(invocation, filter, &output);
  absl::Status status = exported.status();
  if (status.ok() && fsync(descriptor) != 0) status = FileError("write", draft);
  close(descriptor);
  if (status.ok() && std::rename(draft.c_str(), path.c_str()) != 0) {
    status = FileError("make", path);
  }
  if (!status.ok()) {
    unlink(draft.c_str());
    return status;
  }
  google::protobuf::Struct message;
  auto& fields = *message.mutable_fields();
  fields["file"].set_string_value(path);
  // As protobuf prints 64 bits.
  fields["connections"].set_string_value(absl::StrCat(exported->connections));
  fields["bytes"].set_string_value(absl::StrCat(exported->bytes));
  PrintAnswer(
      invocation, message, {{"CONNECTIONS", true}, {"BYTES", true}, {"FILE"}}, [&](Table* table) {
        table->Add({absl::StrCat(exported->connections), absl::StrCat(exported->bytes), path});
      });
  return absl::OkStatus();
}

absl::Status Export(Invocation& invocation, const ExportOptions& options) {
  const auto filter = FilterText(options.filter);
  if (!filter.ok()) return filter.status();
  if (!options.output_file.empty()) return ExportToFile(invocation, *filter, options.output_file);
  if (invocation.format() != Format::kTable) {
    return absl::InvalidArgumentError(
        "an export has a format of its own; list --input-file FILE prints it in any other");
  }
  if (isatty(invocation.output().descriptor()) == 1) {
    return absl::InvalidArgumentError(
        "an export is not for a terminal: give --output-file FILE, or redirect it");
  }
  return Write(invocation, *filter, &invocation.output()).status();
}

}  // namespace

void AddExportVerb(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* verb =
      invocation.AddVerb(app, "export", "Save connections to a file, as they are",
                         [&invocation, options] { return Export(invocation, *options); });
  AddFilterFlags(*verb, &options->filter);
  verb->add_option("--output-file", options->output_file,
                   "Write FILE.tmp, and rename it when it is whole; standard output")
      ->type_name("FILE");
  invocation.SetManual(
      *verb,
      {{"conntrackctl export --output-file all.ctx", "all connections"},
       {"conntrackctl export -p tcp --assured | conntrackctl count --input-file -", "some of them"},
       {"conntrackctl export | conntrackctl list --input-file - -o jsonl",
        "one consistent cut of each slot, in any format"}},
      "Each slot is exported as it was at one moment. --timeout does not count\n"
      "here. docs/conntrackctl.md has the format of the file.");
}

}  // namespace conntrack::cli

#include "client/cli/saved_file.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace conntrack::cli {
namespace {

using google::protobuf::io::CodedInputStream;

constexpr char kMagic[] = "conntrack-export ";
constexpr char kVersion[] = "1\n";
// A part has some hundred KiB; a length beyond this is none.
constexpr uint32_t kRecordBytesMax = 64u << 20;
constexpr int kEndBytes = 8;

std::string Record(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  std::string record;
  for (size_t rest = bytes.size();; rest >>= 7) {
    if (rest < 0x80) {
      record.push_back(static_cast<char>(rest));
      break;
    }
    record.push_back(static_cast<char>(rest | 0x80));
  }
  return record + bytes;
}

}  // namespace

std::string SavedHeadBytes(const SavedHead& head) {
  return absl::StrCat(kMagic, kVersion, Record(head.server), Record(head.sensors),
                      Record(head.request));
}

std::string SavedPartBytes(const v1::ExportConnectionsResponse& part) { return Record(part); }

std::string SavedEndBytes(uint64_t connections) {
  std::string bytes(1, '\0');
  for (int i = 0; i < kEndBytes; ++i) bytes.push_back(static_cast<char>(connections >> 8 * i));
  return bytes;
}

SavedFile::SavedFile(int descriptor, bool close, std::string name)
    : name_(std::move(name)), input_(descriptor) {
  input_.SetCloseOnDelete(close);
}

absl::StatusOr<std::unique_ptr<SavedFile>> SavedFile::Open(const std::string& path) {
  const bool standard_input = path == "-";
  const int descriptor = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", path, ": ", std::generic_category().message(errno)));
  }
  auto file = std::make_unique<SavedFile>(descriptor, !standard_input,
                                          standard_input ? "standard input" : path);
  if (absl::Status status = file->ReadHead(); !status.ok()) return status;
  return file;
}

absl::Status SavedFile::Damaged(int64_t place, const std::string& what) const {
  if (input_.GetErrno() != 0) {
    return absl::DataLossError(absl::StrCat("cannot read ", name_, ": ",
                                            std::generic_category().message(input_.GetErrno())));
  }
  return absl::DataLossError(absl::StrCat(name_, ": byte ", place, ": ", what));
}

absl::Status SavedFile::ReadHead() {
  std::string magic;
  std::string version;
  {
    CodedInputStream in(&input_);
    if (!in.ReadString(&magic, sizeof(kMagic) - 1) || magic != kMagic) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " is not an export of conntrackctl"));
    }
    // A number of another version may be longer, so its first digit alone is read.
    if (!in.ReadString(&version, sizeof(kVersion) - 1) || version != kVersion) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, " is an export of a version that this program does not know"));
    }
  }
  if (absl::Status status = ReadMessage(&head_.server); !status.ok()) return status;
  if (absl::Status status = ReadMessage(&head_.sensors); !status.ok()) return status;
  return ReadMessage(&head_.request);
}

absl::Status SavedFile::ReadMessage(google::protobuf::Message* message) {
  const auto more = ReadRecord();
  if (!more.ok()) return more.status();
  // A message without fields is a length of 0 too.
  if (!message->ParseFromString(record_)) {
    return Damaged(place_, absl::StrCat("this is not a ", message->GetTypeName()));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> SavedFile::ReadRecord() {
  CodedInputStream in(&input_);
  const int64_t begin = input_.ByteCount();
  uint32_t length = 0;
  record_.clear();
  place_ = begin;
  if (!in.ReadVarint32(&length)) return Damaged(begin, "the file ends before its end");
  if (length > kRecordBytesMax) {
    return Damaged(begin, absl::StrCat("a record of ", length, " bytes is longer than any"));
  }
  if (length == 0) return false;
  place_ = begin + in.CurrentPosition();
  if (!in.ReadString(&record_, static_cast<int>(length))) {
    return Damaged(begin, absl::StrCat("the file ends within a record of ", length, " bytes"));
  }
  return true;
}

absl::Status SavedFile::ReadEnd() {
  CodedInputStream in(&input_);
  const int64_t begin = input_.ByteCount();
  uint64_t connections = 0;
  if (!in.ReadLittleEndian64(&connections)) return Damaged(begin, "the file ends before its end");
  if (connections != connections_) {
    return Damaged(
        begin, absl::StrCat("the file has ", connections_, " connections and says ", connections));
  }
  char byte = 0;
  if (in.ReadRaw(&byte, 1)) return Damaged(begin + kEndBytes, "the file goes on behind its end");
  return absl::OkStatus();
}

absl::StatusOr<bool> SavedFile::Next(v1::ExportConnectionsResponse* part) {
  if (ended_) return false;
  const auto more = ReadRecord();
  if (!more.ok()) return more.status();
  if (!*more) {
    ended_ = true;
    if (absl::Status status = ReadEnd(); !status.ok()) return status;
    return false;
  }
  if (!part->ParseFromString(record_)) {
    return Damaged(place_, "this is not a part of an export");
  }
  if (part->restarted() || part->removed_ids_size() > 0) {
    return Damaged(place_, "a part takes back what stands before it");
  }
  connections_ += static_cast<uint64_t>(part->connections_size());
  return true;
}

}  // namespace conntrack::cli

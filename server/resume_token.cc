#include "server/resume_token.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

constexpr uint32_t kVersion = 1;

absl::Status NoToken() { return absl::InvalidArgumentError("resume_token is not a token"); }

}  // namespace

std::string EncodeResumeToken(const ResumeToken& token) {
  std::string text;
  {
    google::protobuf::io::StringOutputStream stream(&text);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.WriteVarint32(kVersion);
    out.WriteVarint64(token.epoch);
    out.WriteVarint32(static_cast<uint32_t>(token.sequences.size()));
    for (const uint64_t sequence : token.sequences) out.WriteVarint64(sequence);
  }
  return text;
}

absl::StatusOr<ResumeToken> DecodeResumeToken(const std::string& text, uint32_t slot_count) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(text.data()),
                                            static_cast<int>(text.size()));
  ResumeToken token;
  uint32_t version = 0;
  uint32_t count = 0;
  if (!in.ReadVarint32(&version) || version != kVersion || !in.ReadVarint64(&token.epoch) ||
      !in.ReadVarint32(&count)) {
    return NoToken();
  }
  if (count != slot_count) {
    return absl::InvalidArgumentError(
        absl::StrCat("resume_token is of ", count, " slots, not of ", slot_count));
  }
  token.sequences.resize(count);
  for (uint64_t& sequence : token.sequences) {
    if (!in.ReadVarint64(&sequence)) return NoToken();
  }
  if (static_cast<size_t>(in.CurrentPosition()) != text.size()) return NoToken();
  return token;
}

}  // namespace conntrack

#include "server/connection_fields.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/tracker/community_id.h"

namespace conntrack {

absl::StatusOr<ConnectionFields> ConnectionFields::FromMask(
    const google::protobuf::FieldMask& mask) {
  if (mask.paths().empty()) return ConnectionFields();
  uint64_t bits = 0;
  for (const std::string& path : mask.paths()) {
    if (path == "*") {
      bits = ~uint64_t{0};
      break;
    }
    const std::string name = path.substr(0, path.find('.'));
    const google::protobuf::FieldDescriptor* const field =
        v1::Connection::descriptor()->FindFieldByName(name);
    if (field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("read_mask \"", path, "\" is not a field of Connection"));
    }
    if (name != path) {
      return absl::InvalidArgumentError(absl::StrCat(
          "read_mask \"", path, "\" names a part of a field; name the whole, \"", name, "\""));
    }
    bits |= uint64_t{1} << field->number();
  }
  const ConnectionFields fields(bits);
  if (fields.Has(v1::Connection::kCommunityIdFieldNumber)) LoadCommunityId();
  return fields;
}

void ConnectionFields::Trim(v1::Connection* connection) const {
  const google::protobuf::Descriptor* const descriptor = v1::Connection::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* const field = descriptor->field(i);
    if (!Has(field->number())) v1::Connection::GetReflection()->ClearField(connection, field);
  }
}

}  // namespace conntrack

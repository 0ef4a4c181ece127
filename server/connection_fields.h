// ConnectionFields are the fields of v1.Connection that someone wants to read.
//
// Plain data; thread-safe.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "conntrack/v1/types.pb.h"

namespace conntrack {

class ConnectionFields {
 public:
  // All but `community_id`, which is dear.
  constexpr ConnectionFields() = default;

  // Those that a read mask names: whole fields of Connection, or "*" for all.
  // InvalidArgument, naming the path, when there is no such field. An empty mask names
  // the default.
  static absl::StatusOr<ConnectionFields> FromMask(const google::protobuf::FieldMask& mask);

  // REQUIRES: a field number of v1.Connection.
  bool Has(int field) const { return (bits_ >> field & 1) != 0; }
  // Clears all others.
  void Trim(v1::Connection* connection) const;
  bool is_default() const { return bits_ == kDefault; }

 private:
  static constexpr uint64_t kDefault = ~(uint64_t{1} << v1::Connection::kCommunityIdFieldNumber);

  explicit constexpr ConnectionFields(uint64_t bits) : bits_(bits) {}

  // By field number.
  uint64_t bits_ = kDefault;
};

}  // namespace conntrack

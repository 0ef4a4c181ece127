#include "tests/testing/essence.h"

namespace conntrack::testing {

v1::Connection EssenceOf(const v1::Connection& connection) {
  v1::Connection essence = connection;
  essence.clear_original_counters();
  essence.clear_reply_counters();
  essence.clear_last_seen_time();
  essence.clear_expire_time();
  essence.clear_timeout();
  essence.clear_tcp();
  if (connection.has_tcp()) essence.mutable_tcp()->set_state(connection.tcp().state());
  return essence;
}

}  // namespace conntrack::testing

#include "client/cli/conntrack/format_save.h"

#include "absl/strings/str_cat.h"
#include "client/cli/conntrack/values.h"
#include "client/cli/format_conntrack.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

void AppendAddresses(const v1::Connection& connection, std::string* line) {
  const auto& original = connection.original();
  const auto& reply = connection.reply();
  absl::StrAppend(line, " -s ", original.source_address(), " -d ", original.destination_address(),
                  " -r ", reply.source_address(), " -q ", reply.destination_address());
}

void AppendTransport(const v1::Connection& connection, std::string* line) {
  const auto& original = connection.original();
  const auto& reply = connection.reply();
  switch (original.transport_case()) {
    case v1::Tuple::kPorts:
      absl::StrAppend(line, " --sport ", original.ports().source(), " --dport ",
                      original.ports().destination(), " --reply-port-src ", reply.ports().source(),
                      " --reply-port-dst ", reply.ports().destination());
      break;
    case v1::Tuple::kIcmp: {
      const std::string name = connection.protocol() == v1::PROTOCOL_ICMP ? "icmp" : "icmpv6";
      absl::StrAppend(line, " --", name, "-type ", original.icmp().type());
      absl::StrAppend(line, " --", name, "-code ", original.icmp().code());
      absl::StrAppend(line, " --", name, "-id ", original.icmp().id());
      break;
    }
    case v1::Tuple::kGre:
      absl::StrAppend(line, " --srckey ", original.gre().source(), " --dstkey ",
                      original.gre().destination(), " --reply-key-src ", reply.gre().source(),
                      " --reply-key-dst ", reply.gre().destination());
      break;
    case v1::Tuple::TRANSPORT_NOT_SET:
      break;
  }
}

}  // namespace

std::string ConntrackSaveLine(const v1::Connection& connection, char command,
                              const ConntrackParts& parts) {
  std::string line = absl::StrCat("-", std::string(1, command));
  if (parts.timeout) absl::StrAppend(&line, " -t ", connection.timeout().seconds());
  absl::StrAppend(&line, " -u ", StatusText(connection.status()));
  if (connection.zone() != 0) absl::StrAppend(&line, " -w ", connection.zone());
  AppendAddresses(connection, &line);
  const std::string name = ConntrackProtocolName(connection.protocol());
  absl::StrAppend(&line, " -p ",
                  name == "unknown" ? absl::StrCat(int{connection.protocol()}) : name);
  AppendTransport(connection, &line);
  const std::string state = StateText(connection);
  if (!state.empty()) absl::StrAppend(&line, " --state ", state);
  if (connection.has_sctp() && parts.tags) {
    absl::StrAppend(&line, " --orig-vtag ", connection.sctp().original_verification_tag(),
                    " --reply-vtag ", connection.sctp().reply_verification_tag());
  }
  return line;
}

std::string ConntrackSaveLine(const v1::Event& event) {
  const char command = event.type() == v1::EVENT_TYPE_NEW      ? 'A'
                       : event.type() == v1::EVENT_TYPE_UPDATE ? 'U'
                                                               : 'D';
  return absl::StrCat(ConntrackSaveLine(event.connection(), command, PartsOf(event)),
                      UserspaceSuffix(event));
}

}  // namespace conntrack::cli

#include "client/cli/filter_flags.h"

#include <arpa/inet.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/names.h"

namespace conntrack::cli {
namespace {

absl::StatusOr<std::string> AddressTerm(const char* flag, const std::string& field,
                                        const std::string& text) {
  const size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  unsigned char bytes[16];
  const bool ipv6 = absl::StrContains(address, ':');
  if (inet_pton(ipv6 ? AF_INET6 : AF_INET, address.c_str(), bytes) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " \"", text, "\" is not an address or ADDRESS/LENGTH"));
  }
  if (slash == std::string::npos) return absl::StrCat(field, " = \"", address, "\"");
  int length = -1;
  const int length_max = ipv6 ? 128 : 32;
  if (!absl::SimpleAtoi(text.substr(slash + 1), &length) || length < 0 || length > length_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " \"", text, "\": the prefix length is not 0 to ", length_max));
  }
  return absl::StrCat("ip_in(", field, ", \"", address, "/", length, "\")");
}

}  // namespace

void AddFilterFlags(CLI::App& app, FilterFlags* flags) {
  const std::string group = "Which connections (all given must hold)";
  app.add_option("--filter", flags->filter, "An AIP-160 expression; see the examples")
      ->type_name("EXPR")
      ->group(group);
  app.add_option("-p,--protocol", flags->protocol, "tcp, udp, icmp, icmpv6, … or a number")
      ->type_name("PROTOCOL")
      ->group(group);
  app.add_option("-s,--source", flags->source, "Source of the original direction")
      ->type_name("ADDR[/LEN]")
      ->group(group);
  app.add_option("-d,--destination", flags->destination, "Destination of the original direction")
      ->type_name("ADDR[/LEN]")
      ->group(group);
  app.add_option("--sport", flags->source_port, "Source port of the original direction")
      ->type_name("PORT")
      ->group(group);
  app.add_option("--dport", flags->destination_port, "Destination port of the original direction")
      ->type_name("PORT")
      ->group(group);
  app.add_option("--state", flags->state, "State of a TCP or SCTP connection, such as ESTABLISHED")
      ->type_name("STATE")
      ->group(group);
  app.add_option("--zone", flags->zone, "The zone")->type_name("N")->group(group);
  auto* assured = app.add_flag("--assured", flags->assured, "Only assured ones")->group(group);
  app.add_flag("--unreplied", flags->unreplied, "Only those that saw no reply")
      ->group(group)
      ->excludes(assured);
}

void AddWriteFilterFlags(CLI::App& app, FilterFlags* flags, bool* all, bool* dry_run) {
  AddFilterFlags(app, flags);
  app.add_flag("--all", *all, "Every connection: instead of a filter");
  app.add_flag("--dry-run", *dry_run, "Only count");
}

CLI::Option* AddInputFile(CLI::App& app, std::string* path) {
  return app
      .add_option("--input-file", *path,
                  "Ask what export saved, and no server; - for standard input")
      ->type_name("FILE");
}

absl::StatusOr<std::string> FilterText(const FilterFlags& flags) {
  std::vector<std::string> terms;
  if (!flags.protocol.empty()) {
    const auto protocol = ParseProtocol(flags.protocol);
    if (!protocol.ok()) return protocol.status();
    terms.push_back(absl::StrCat("protocol = ", absl::AsciiStrToUpper(ProtocolText(*protocol))));
  }
  if (!flags.source.empty()) {
    auto term = AddressTerm("--source", "original.source", flags.source);
    if (!term.ok()) return term.status();
    terms.push_back(*std::move(term));
  }
  if (!flags.destination.empty()) {
    auto term = AddressTerm("--destination", "original.destination", flags.destination);
    if (!term.ok()) return term.status();
    terms.push_back(*std::move(term));
  }
  if (flags.source_port.has_value()) {
    terms.push_back(absl::StrCat("original.source_port = ", *flags.source_port));
  }
  if (flags.destination_port.has_value()) {
    terms.push_back(absl::StrCat("original.destination_port = ", *flags.destination_port));
  }
  if (!flags.state.empty()) {
    const auto state = ParseState(flags.state);
    if (!state.ok()) return state.status();
    terms.push_back(absl::StrCat("state = ", *state));
  }
  if (flags.zone.has_value()) terms.push_back(absl::StrCat("zone = ", *flags.zone));
  if (flags.assured) terms.push_back("assured = true");
  if (flags.unreplied) terms.push_back("seen_reply = false");
  if (!flags.filter.empty()) {
    // Alone it stays as it was typed, so that the places in the server's
    // complaints are right.
    if (terms.empty()) return flags.filter;
    terms.push_back(absl::StrCat("(", flags.filter, ")"));
  }
  return absl::StrJoin(terms, " AND ");
}

}  // namespace conntrack::cli

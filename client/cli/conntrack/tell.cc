#include "client/cli/conntrack/tell.h"

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace conntrack::cli {

std::string ConntrackName() {
  return absl::StrCat("conntrack v", kConntrackToolsVersion, " (conntrack-service)");
}

void Tell(const std::string& sentence) {
  std::fprintf(stderr, "%s: %s\n", ConntrackName().c_str(), sentence.c_str());
}

void TellCount(uint64_t count, const char* what, const char* done) {
  Tell(absl::StrCat(count, " ", what, " have been ", done, "."));
}

}  // namespace conntrack::cli

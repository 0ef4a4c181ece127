#include "tests/mutations/mutant_list.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace conntrack {
namespace {

bool Parse(const std::string& line, ListedMutant* mutant) {
  std::istringstream words(line);
  std::string protocol;
  std::string table;
  if (!(words >> mutant->number >> protocol >> table)) return false;
  if (protocol != "tcp" && protocol != "sctp") return false;
  mutant->traffic = protocol == "tcp" ? Traffic::kTcp : Traffic::kSctp;
  Mutation& mutation = mutant->mutation;
  if (table == "condition") {
    mutation.condition = mutant->number;
  } else {
    std::istringstream number(table);
    if (!(number >> mutation.table)) return false;
    if (!(words >> mutation.row >> mutation.column >> mutation.value)) return false;
  }
  return (words >> std::ws).eof();
}

}  // namespace

absl::StatusOr<std::vector<ListedMutant>> ReadMutants(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, " cannot be read"));
  std::vector<ListedMutant> mutants;
  std::string line;
  while (std::getline(file, line)) {
    ListedMutant mutant;
    if (!Parse(line, &mutant)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", mutants.size() + 1, ": no mutant: ", line));
    }
    mutants.push_back(mutant);
  }
  return mutants;
}

}  // namespace conntrack

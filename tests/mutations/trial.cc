#include "tests/mutations/trial.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/tracker/check.h"

namespace conntrack {
namespace {

constexpr unsigned kSecondsMax = 60;

// Where the child writes how far it has come.
size_t* SharedCount() {
  static void* const page =
      mmap(nullptr, sizeof(size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CT_CHECK(page != MAP_FAILED);
  return static_cast<size_t*>(page);
}

[[noreturn]] void RunChild(const Mutation& mutant, const AnsweredRound& round, size_t* equal) {
  // Its last words are of no interest.
  dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
  alarm(kSecondsMax);
  mutation = mutant;
  _exit(round.Differs(equal) ? 1 : 0);
}

}  // namespace

std::optional<size_t> Try(const Mutation& mutant, const AnsweredRound& round) {
  size_t* const equal = SharedCount();
  *equal = 0;
  const pid_t child = fork();
  CT_CHECK(child >= 0);
  if (child == 0) RunChild(mutant, round, equal);
  int status = 0;
  CT_CHECK(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  return *equal;
}

}  // namespace conntrack

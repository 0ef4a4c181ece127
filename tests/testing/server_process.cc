#include "tests/testing/server_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "server/tracker/check.h"

namespace conntrack::testing {
namespace {

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  for (std::string& text : *texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ServerProcess::ServerProcess(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment) {
  std::vector<std::string> argument_texts = {CONNTRACK_SERVER_PROGRAM};
  argument_texts.insert(argument_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment_texts = environment;
  if (const char* path = std::getenv("PATH")) {
    environment_texts.push_back(std::string("PATH=") + path);
  }
  const std::vector<char*> argv = Pointers(&argument_texts);
  const std::vector<char*> envp = Pointers(&environment_texts);
  int ends[2];
  CT_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  pid_ = fork();
  CT_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    dup2(ends[1], STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(ends[1]);
  error_fd_ = ends[0];
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
  close(error_fd_);
}

bool ServerProcess::ReadMore() {
  std::array<char, 4096> buffer;
  ssize_t count = 0;
  do {
    count = read(error_fd_, buffer.data(), buffer.size());
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  error_text_.append(buffer.data(), static_cast<size_t>(count));
  return true;
}

std::optional<std::string> ServerProcess::WaitForLine(const std::string& text) {
  for (;;) {
    const size_t end = error_text_.find('\n', looked_);
    if (end == std::string::npos) {
      if (!ReadMore()) return std::nullopt;
      continue;
    }
    const std::string line = error_text_.substr(looked_, end - looked_);
    looked_ = end + 1;
    if (line.find(text) != std::string::npos) return line;
  }
}

std::string ServerProcess::WaitForAddress() {
  const std::string before = "serves gRPC on ";
  const std::optional<std::string> line = WaitForLine(before);
  if (!line.has_value()) return "";
  const size_t begin = line->find(before) + before.size();
  return line->substr(begin, line->find(' ', begin) - begin);
}

void ServerProcess::Signal(int signal) { CT_CHECK(kill(pid_, signal) == 0); }

int ServerProcess::Wait() {
  while (ReadMore()) {
  }
  int status = 0;
  CT_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

}  // namespace conntrack::testing

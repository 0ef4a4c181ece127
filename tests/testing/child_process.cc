#include "tests/testing/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace conntrack::testing {
namespace {

void Check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

// Appends what can be read to `text`; false at the end.
bool ReadSome(int descriptor, std::string* text) {
  char bytes[4096];
  const ssize_t count = read(descriptor, bytes, sizeof(bytes));
  if (count <= 0) return false;
  text->append(bytes, static_cast<size_t>(count));
  return true;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments) {
  int output[2];
  int errors[2];
  Check(pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0, "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);

  std::vector<std::string> texts = {program};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  std::string path = std::string("PATH=") + std::getenv("PATH");
  char* environment[] = {path.data(), nullptr};
  Check(posix_spawn(&pid_, program.c_str(), &actions, nullptr, pointers.data(), environment) == 0,
        program.c_str());
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  close(errors[1]);
  output_descriptor_ = output[0];
  errors_descriptor_ = errors[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
}

std::string ChildProcess::ReadLine() {
  size_t end = output_.find('\n');
  while (end == std::string::npos && ReadSome(output_descriptor_, &output_)) {
    end = output_.find('\n');
  }
  if (end == std::string::npos) return "";
  std::string line = output_.substr(0, end);
  output_.erase(0, end + 1);
  return line;
}

void ChildProcess::Signal(int signal) { kill(pid_, signal); }

void ChildProcess::CloseOutput() {
  if (output_descriptor_ >= 0) close(output_descriptor_);
  output_descriptor_ = -1;
}

int ChildProcess::Wait() {
  while (output_descriptor_ >= 0 && ReadSome(output_descriptor_, &output_)) {
  }
  while (ReadSome(errors_descriptor_, &errors_)) {
  }
  CloseOutput();
  close(errors_descriptor_);
  int status = 0;
  Check(waitpid(pid_, &status, 0) == pid_, "waitpid");
  pid_ = -1;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace conntrack::testing

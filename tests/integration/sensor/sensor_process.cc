#include "tests/integration/sensor/sensor_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>

extern char** environ;

namespace conntrack::testing {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4'096];
  for (ssize_t count; (count = read(fd, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

}  // namespace

SensorProcess::SensorProcess(const std::vector<std::string>& arguments) {
  // A sensor that has ended must not end the test that still writes to it.
  signal(SIGPIPE, SIG_IGN);
  static std::atomic<int> started{0};
  error_path_ = ::testing::TempDir() + "sensor." + std::to_string(getpid()) + "." +
                std::to_string(++started) + ".err";
  int input[2];
  int output[2];
  Require(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0);

  std::vector<char*> argv;
  std::string program = CONNTRACK_SENSOR_PROGRAM;
  argv.push_back(program.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error_path_.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  Require(posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
}

SensorProcess::~SensorProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
  CloseInput();
  close(output_);
  unlink(error_path_.c_str());
}

void SensorProcess::Write(const std::string& bytes) {
  Require(write(input_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

void SensorProcess::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

void SensorProcess::Signal(int signal) { kill(pid_, signal); }

SensorResult SensorProcess::Wait() {
  SensorResult result;
  result.out = ReadAll(output_);
  int status = 0;
  Require(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::stringstream error;
  error << std::ifstream(error_path_).rdbuf();
  result.err = error.str();
  return result;
}

SensorResult RunSensor(const std::vector<std::string>& arguments) {
  SensorProcess process(arguments);
  process.CloseInput();
  return process.Wait();
}

int64_t SummaryCount(const SensorResult& result, const std::string& name) {
  const std::string key = "\"" + name + "\":";
  const size_t at = result.out.find(key);
  if (at == std::string::npos) return -1;
  return std::strtoll(result.out.c_str() + at + key.size(), nullptr, 10);
}

}  // namespace conntrack::testing

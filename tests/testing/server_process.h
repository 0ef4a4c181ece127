// A conntrack-server that runs beside the test.
//
// Not thread-safe.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace conntrack::testing {

class ServerProcess {
 public:
  // Starts the program with `arguments`, and with `environment`, as
  // "NAME=value", besides PATH. Aborts when it cannot.
  explicit ServerProcess(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment = {});
  // Ends the program if it still runs.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // The next line of standard error that holds `text`; nullopt when the program
  // ends before.
  std::optional<std::string> WaitForLine(const std::string& text);
  // The address it says it serves on; empty when it ends before.
  std::string WaitForAddress();

  void Signal(int signal);
  // Waits for its end. The exit code, or 256 and the signal that killed it.
  int Wait();
  // All of standard error. REQUIRES: Wait was called.
  const std::string& error_text() const { return error_text_; }

 private:
  // Reads some more; false at the end.
  bool ReadMore();

  pid_t pid_ = -1;
  int error_fd_ = -1;
  std::string error_text_;
  // Up to where lines were looked at.
  size_t looked_ = 0;
};

}  // namespace conntrack::testing

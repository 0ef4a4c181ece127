// What goes to standard output, read back from a pipe.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <csignal>

#include "client/cli/connection_printer.h"
#include "client/cli/event_printer.h"
#include "conntrack/v1/connection_service.pb.h"

namespace conntrack::cli {
namespace {

using ::testing::HasSubstr;

class PrintersTest : public ::testing::Test {
 protected:
  PrintersTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe(pipe_), 0);
  }
  ~PrintersTest() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }

  // Runs `print` as a verb with this output format, and returns what it wrote.
  std::string Printed(const std::string& format, const std::function<void(Invocation&)>& print) {
    Invocation invocation(pipe_[1]);
    CLI::App app;
    invocation.AddOptions(app);
    invocation.AddVerb(
        app, "verb", "",
        [&] {
          print(invocation);
          return absl::OkStatus();
        },
        ConnectionFormats());
    app.parse("verb -o " + format);
    exit_code_ = invocation.Run();
    std::string text(1 << 16, '\0');
    const ssize_t bytes = read(pipe_[0], text.data(), text.size());
    text.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return text;
  }

  int pipe_[2] = {-1, -1};
  int exit_code_ = -1;
};

v1::Connection ConnectionOf(uint64_t id) {
  v1::Connection connection;
  connection.set_id(id);
  connection.set_protocol(v1::PROTOCOL_UDP);
  return connection;
}

TEST_F(PrintersTest, JsonOfManyPagesIsOneListConnectionsResponse) {
  const std::string text = Printed("json", [](Invocation& invocation) {
    ConnectionPrinter printer(invocation);
    for (uint64_t id : {1, 2}) printer.Print(ConnectionOf(id));
    printer.EndPage();
    printer.Print(ConnectionOf(3));
    printer.End();
  });
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &response).ok()) << text;
  ASSERT_EQ(response.connections_size(), 3);
  EXPECT_EQ(response.connections(2).id(), 3u);
}

TEST_F(PrintersTest, JsonOfNothingIsAnEmptyList) {
  const std::string text = Printed("json", [](Invocation& invocation) {
    ConnectionPrinter printer(invocation);
    printer.End();
  });
  EXPECT_EQ(text, "{\"connections\":[]}\n");
}

TEST_F(PrintersTest, JsonLinesHaveOneConnectionEach) {
  const std::string text = Printed("jsonl", [](Invocation& invocation) {
    ConnectionPrinter printer(invocation);
    for (uint64_t id : {1, 2}) printer.Print(ConnectionOf(id));
    printer.End();
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  v1::Connection connection;
  const std::string line = text.substr(0, text.find('\n'));
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &connection).ok()) << line;
  EXPECT_EQ(connection.id(), 1u);
  // Fields at their default are there too.
  EXPECT_THAT(line, HasSubstr("\"assured\":false"));
}

TEST_F(PrintersTest, WatchAsJsonLinesHasOneKeyALine) {
  const std::string text = Printed("jsonl", [](Invocation& invocation) {
    EventPrinter printer(invocation, 0);
    v1::WatchResponse message;
    *message.mutable_snapshot()->add_connections() = ConnectionOf(1);
    printer.Print(message);
    message.mutable_snapshot_end()->set_resume_token("abc");
    printer.Print(message);
    message.mutable_events()->add_events()->set_type(v1::EVENT_TYPE_NEW);
    printer.Print(message);
    message.mutable_loss()->add_ranges()->set_slot(9);
    printer.Print(message);
    printer.PrintReset(absl::OutOfRangeError("a \"quoted\" reason"));
  });
  std::vector<std::string> keys;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    keys.push_back(text.substr(at + 2, text.find('"', at + 2) - at - 2));
  }
  EXPECT_THAT(keys, ::testing::ElementsAre("connection", "snapshotEnd", "event", "loss", "reset"));
  EXPECT_THAT(text,
              HasSubstr("{\"snapshotEnd\":{\"connections\":\"0\",\"resumeToken\":\"YWJj\"}}\n"));
  EXPECT_THAT(text, HasSubstr("{\"reset\":{\"reason\":\"a \\\"quoted\\\" reason\"}}\n"));
}

TEST_F(PrintersTest, WatchAsJsonIsOneArray) {
  const auto print = [](int events) {
    return [events](Invocation& invocation) {
      EventPrinter printer(invocation, 0);
      v1::WatchResponse message;
      for (int i = 0; i < events; ++i) message.mutable_events()->add_events();
      printer.Print(message);
      printer.End();
    };
  };
  EXPECT_EQ(Printed("json", print(0)), "[]\n");
  google::protobuf::ListValue list;
  const std::string text = Printed("json", print(2));
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &list).ok()) << text;
  EXPECT_EQ(list.values_size(), 2);
}

TEST_F(PrintersTest, AFormatThatAVerbDoesNotKnowIsWrongUsage) {
  Invocation invocation(pipe_[1]);
  CLI::App app;
  invocation.AddOptions(app);
  invocation.AddVerb(app, "verb", "", [] { return absl::OkStatus(); });
  app.parse("verb -o conntrack");
  EXPECT_EQ(invocation.Run(), kExitUsage);
}

TEST_F(PrintersTest, WatchStopsAtItsCount) {
  const std::string text = Printed("conntrack", [](Invocation& invocation) {
    EventPrinter printer(invocation, 2);
    v1::WatchResponse message;
    for (int i = 0; i < 3; ++i) {
      v1::Event* event = message.mutable_events()->add_events();
      event->set_type(v1::EVENT_TYPE_NEW);
      *event->mutable_connection() = ConnectionOf(1);
    }
    EXPECT_FALSE(printer.done());
    printer.Print(message);
    EXPECT_TRUE(printer.done());
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(PrintersTest, AReaderThatGoesAwayEndsTheRunQuietly) {
  close(pipe_[0]);
  pipe_[0] = -1;
  Printed("jsonl", [](Invocation& invocation) {
    ConnectionPrinter printer(invocation);
    printer.Print(ConnectionOf(1));
    printer.EndPage();
    EXPECT_TRUE(invocation.output().closed());
    printer.Print(ConnectionOf(2));
    printer.End();
  });
  EXPECT_EQ(exit_code_, kExitOk);
}

TEST_F(PrintersTest, AFullDeviceIsAFailure) {
  const int full = open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "there is no /dev/full";
  Output output(full);
  output.Write("x\n");
  output.Flush();
  close(full);
  EXPECT_TRUE(output.closed());
  EXPECT_THAT(std::string(output.status().message()), HasSubstr("No space left on device"));
}

}  // namespace
}  // namespace conntrack::cli

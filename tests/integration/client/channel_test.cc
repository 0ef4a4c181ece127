#include "conntrack/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "conntrack/ingest.h"
#include "tests/testing/certificates.h"
#include "tests/testing/fake_ingest_server.h"

namespace conntrack::client {
namespace {

using conntrack::testing::Certificates;
using conntrack::testing::FakeIngestServer;
using ::testing::HasSubstr;

// One set for all tests: keys take time to make.
const Certificates& TestCertificates() {
  static const Certificates certificates;
  return certificates;
}

// Whether a session with these options reaches the server; the status when not.
absl::Status Connect(const ChannelOptions& options,
                     std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
  auto channel = OpenChannel(options);
  if (!channel.ok()) return channel.status();
  IngestOptions ingest_options;
  ingest_options.sensor_id = "test";
  ingest_options.backoff_min = std::chrono::milliseconds(1);
  ingest_options.backoff_max = std::chrono::milliseconds(20);
  auto session = IngestSession::Start(*channel, ingest_options);
  if (!session.ok()) return session.status();
  return (*session)->WaitConnected(timeout);
}

// Long enough to fail for its reason, short enough to wait for.
constexpr std::chrono::milliseconds kRefusal{300};

ChannelOptions TlsTo(const FakeIngestServer& server) {
  ChannelOptions options;
  options.server = server.address();
  options.tls_ca_file = TestCertificates().path("ca.pem");
  return options;
}

TEST(ChannelTest, TlsReachesAServerOfATrustedAuthority) {
  const FakeIngestServer server(TestCertificates().ServerCredentials(false));
  const absl::Status status = Connect(TlsTo(server));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ChannelTest, TlsAcceptsAnotherNameWhenTold) {
  const FakeIngestServer server(TestCertificates().ServerCredentials(false));
  ChannelOptions options = TlsTo(server);
  options.tls_server_name = "localhost";
  EXPECT_TRUE(Connect(options).ok());
  options.tls_server_name = "example.org";
  const absl::Status status = Connect(options, kRefusal);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("example.org"));
}

TEST(ChannelTest, TlsRefusesAServerOfAnotherAuthority) {
  const FakeIngestServer server(TestCertificates().ServerCredentials(false));
  ChannelOptions options = TlsTo(server);
  options.tls_ca_file = TestCertificates().path("other-ca.pem");
  const absl::Status status = Connect(options, kRefusal);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("UNAVAILABLE"));
}

TEST(ChannelTest, MutualTlsReachesAServerThatDemandsACertificate) {
  const FakeIngestServer server(TestCertificates().ServerCredentials(true));
  ChannelOptions options = TlsTo(server);
  options.tls_certificate_file = TestCertificates().path("client.pem");
  options.tls_key_file = TestCertificates().path("client.key");
  const absl::Status status = Connect(options);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ChannelTest, MutualTlsIsRefusedWithoutACertificate) {
  const FakeIngestServer server(TestCertificates().ServerCredentials(true));
  const absl::Status status = Connect(TlsTo(server), kRefusal);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ChannelTest, PlainTextDoesNotReachATlsServer) {
  const FakeIngestServer server(TestCertificates().ServerCredentials(false));
  ChannelOptions options;
  options.server = server.address();
  EXPECT_EQ(Connect(options, kRefusal).code(), absl::StatusCode::kDeadlineExceeded);
}

// What is wrong with an option, and what is said about it; "%" stands for the
// directory of the certificates.
struct Bad {
  const char* name;
  ChannelOptions options;
  const char* message;
};

std::string InDirectory(const std::string& text) {
  return absl::StrReplaceAll(text, {{"%", TestCertificates().path("")}});
}

class BadOptionsTest : public ::testing::TestWithParam<Bad> {};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }

TEST_P(BadOptionsTest, AreInvalidArgument) {
  TestCertificates().Write("text.pem", "this is not PEM\n");
  TestCertificates().Write("damaged.pem",
                           "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  ChannelOptions options = GetParam().options;
  for (std::string* file :
       {&options.tls_ca_file, &options.tls_certificate_file, &options.tls_key_file}) {
    *file = InDirectory(*file);
  }
  const auto channel = OpenChannel(options);
  EXPECT_EQ(channel.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(channel.status().message()), InDirectory(GetParam().message));
}

ChannelOptions With(std::string ChannelOptions::*field, const std::string& value) {
  ChannelOptions options;
  options.*field = value;
  return options;
}

ChannelOptions WithPair(const std::string& certificate, const std::string& key) {
  ChannelOptions options;
  options.tls_certificate_file = certificate;
  options.tls_key_file = key;
  return options;
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadOptionsTest,
    ::testing::Values(
        Bad{"AbsentCa", With(&ChannelOptions::tls_ca_file, "%absent.pem"),
            "tls_ca_file %absent.pem: No such file or directory"},
        Bad{"CaIsADirectory", With(&ChannelOptions::tls_ca_file, "%"),
            "tls_ca_file %: cannot be read"},
        Bad{"CaIsNoPem", With(&ChannelOptions::tls_ca_file, "%text.pem"),
            "tls_ca_file %text.pem: holds no PEM certificate that can be read"},
        Bad{"KeyAsCertificate", WithPair("%client.key", "%client.key"),
            "tls_certificate_file %client.key: holds no PEM certificate that can be read"},
        Bad{"CertificateAsKey", WithPair("%client.pem", "%client.pem"),
            "tls_key_file %client.pem: holds no PEM private key that can be read without a "
            "passphrase"},
        Bad{"KeyOfAnotherCertificate", WithPair("%client.pem", "%server.key"),
            "tls_key_file %server.key: is not the key of %client.pem"},
        Bad{"KeyWithPassphrase", WithPair("%client.pem", "%locked.key"),
            "tls_key_file %locked.key: holds no PEM private key that can be read without a "
            "passphrase"},
        Bad{"DamagedCa", With(&ChannelOptions::tls_ca_file, "%damaged.pem"),
            "tls_ca_file %damaged.pem: holds no PEM certificate that can be read"},
        Bad{"CertificateWithoutKey", WithPair("%client.pem", ""),
            "tls_certificate_file %client.pem is set without tls_key_file"},
        Bad{"KeyWithoutCertificate", WithPair("", "%client.key"),
            "tls_key_file %client.key is set without tls_certificate_file"},
        Bad{"NameWithoutTls", With(&ChannelOptions::tls_server_name, "localhost"),
            "tls_server_name localhost is set, but TLS is not used"},
        Bad{"NoServer", With(&ChannelOptions::server, ""), "server is empty"},
        Bad{"NoPort", With(&ChannelOptions::server, "localhost"),
            "server \"localhost\" is not HOST:PORT with a port of 1 to 65535"},
        Bad{"PortZero", With(&ChannelOptions::server, "localhost:0"),
            "server \"localhost:0\" is not HOST:PORT with a port of 1 to 65535"},
        Bad{"PortTooLarge", With(&ChannelOptions::server, "localhost:65536"),
            "server \"localhost:65536\" is not HOST:PORT with a port of 1 to 65535"},
        Bad{"NoHost", With(&ChannelOptions::server, ":50051"),
            "server \":50051\" is not HOST:PORT with a port of 1 to 65535"},
        Bad{"BareIpv6", With(&ChannelOptions::server, "2001:db8::1:50051"),
            "server \"2001:db8::1:50051\": write an IPv6 address as [ADDRESS]:PORT"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ChannelTest, EveryFormOfAddressIsTaken) {
  for (const char* server : {"localhost:50051", "127.0.0.1:1", "[::1]:65535", "unix:/tmp/x",
                             "dns:///localhost:50051", "ipv4:127.0.0.1:50051"}) {
    ChannelOptions options;
    options.server = server;
    EXPECT_TRUE(OpenChannel(options).ok()) << server;
  }
}

}  // namespace
}  // namespace conntrack::client

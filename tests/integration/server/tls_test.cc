// Who may connect over TLS, who may write, and what is said of bad files.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "conntrack/v1/admin_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/testing/certificates.h"
#include "tests/testing/local_server.h"

namespace conntrack {
namespace {

using testing::Certificates;
using testing::LocalConfig;
using testing::LocalServer;

// An IPv4 address of this host that is not loopback; empty when it has none.
std::string OwnAddress() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  std::string found;
  for (const ifaddrs* entry = list; entry != nullptr && found.empty(); entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    if ((entry->ifa_flags & IFF_LOOPBACK) != 0 || (entry->ifa_flags & IFF_UP) == 0) continue;
    std::array<char, INET_ADDRSTRLEN> text = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    found = text.data();
  }
  freeifaddrs(list);
  return found;
}

class TlsTest : public ::testing::Test {
 protected:
  static std::string ReadFile(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  ServerConfig Config(ClientAuth auth) const {
    ServerConfig config = LocalConfig();
    config.tls.cert = certificates_.path("server.pem");
    config.tls.key = certificates_.path("server.key");
    config.tls.client_auth = auth;
    if (auth != ClientAuth::kNone) config.tls.client_ca = certificates_.path("ca.pem");
    return config;
  }

  // A client that trusts the authority `ca`, with a certificate or without.
  std::shared_ptr<grpc::Channel> Channel(const std::string& address, const std::string& ca,
                                         bool with_certificate) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadFile(certificates_.path(ca));
    if (with_certificate) {
      options.pem_cert_chain = ReadFile(certificates_.path("client.pem"));
      options.pem_private_key = ReadFile(certificates_.path("client.key"));
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments);
  }

  static grpc::Status Read(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    v1::GetStatsResponse response;
    return v1::AdminService::NewStub(channel)->GetStats(&context, {}, &response);
  }
  // Writes to a zone that does not exist: NOT_FOUND when it may.
  static grpc::Status Write(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    v1::UpdateZoneRequest request;
    request.set_zone(77);
    request.mutable_settings()->set_connections_max(5);
    request.mutable_update_mask()->add_paths("connections_max");
    v1::UpdateZoneResponse response;
    return v1::AdminService::NewStub(channel)->UpdateZone(&context, request, &response);
  }

  const Certificates certificates_;
};

TEST_F(TlsTest, AClientThatTrustsTheAuthorityConnects) {
  const LocalServer server(Config(ClientAuth::kNone));
  EXPECT_TRUE(Read(Channel(server.address(), "ca.pem", false)).ok());
  EXPECT_EQ(Read(Channel(server.address(), "other-ca.pem", false)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Read(server.NewChannel()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, RequiredClientCertificatesAreRequired) {
  const LocalServer server(Config(ClientAuth::kRequired));
  EXPECT_TRUE(Read(Channel(server.address(), "ca.pem", true)).ok());
  EXPECT_EQ(Read(Channel(server.address(), "ca.pem", false)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, OptionalClientCertificatesMustStillVerify) {
  ServerConfig config = Config(ClientAuth::kOptional);
  config.tls.client_ca = certificates_.path("other-ca.pem");
  const LocalServer server(config);
  EXPECT_TRUE(Read(Channel(server.address(), "ca.pem", false)).ok());
  EXPECT_EQ(Read(Channel(server.address(), "ca.pem", true)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, OffLoopbackWritesNeedAClientCertificate) {
  const std::string host = OwnAddress();
  if (host.empty()) GTEST_SKIP() << "this host has no address but loopback";
  ServerConfig config = Config(ClientAuth::kOptional);
  config.listen = host + ":0";
  LocalServer server(config);
  const std::string address = host + ":" + std::to_string(server.server().port());
  const auto stranger = Channel(address, "ca.pem", false);
  EXPECT_TRUE(Read(stranger).ok());
  const grpc::Status refused = Write(stranger);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  google::rpc::Status details;
  google::rpc::ErrorInfo error;
  ASSERT_TRUE(details.ParseFromString(refused.error_details()));
  ASSERT_TRUE(details.details(0).UnpackTo(&error));
  EXPECT_EQ(error.reason(), "CLIENT_CERTIFICATE_REQUIRED");
  EXPECT_EQ(Write(Channel(address, "ca.pem", true)).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(TlsTest, OffLoopbackWithoutTlsNobodyWrites) {
  const std::string host = OwnAddress();
  if (host.empty()) GTEST_SKIP() << "this host has no address but loopback";
  ServerConfig config = LocalConfig();
  config.listen = "0.0.0.0:0";
  config.insecure = true;
  LocalServer server(config);
  const auto channel = grpc::CreateChannel(host + ":" + std::to_string(server.server().port()),
                                           grpc::InsecureChannelCredentials());
  EXPECT_TRUE(Read(channel).ok());
  EXPECT_EQ(Write(channel).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Write(server.NewChannel()).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(TlsTest, BadFilesAreNamed) {
  const std::string text = certificates_.Write("text.pem", "no certificate");
  const std::string empty = certificates_.Write("empty.pem", "");
  const std::string cert = certificates_.path("server.pem");
  const std::string key = certificates_.path("server.key");
  const std::string other_key = certificates_.path("client.key");
  const std::string locked = certificates_.path("locked.key");
  struct Row {
    std::string cert;
    std::string key;
    std::string client_ca;
    std::string error;
  };
  const Row rows[] = {
      {"/nowhere.pem", key, "", "cannot read certificate /nowhere.pem: No such file or directory"},
      {"/", key, "", "cannot read certificate /: Is a directory"},
      {text, key, "", "certificate " + text + " holds no PEM certificate"},
      {empty, key, "", "cannot read certificate " + empty + ": it is empty"},
      {key, key, "", "certificate " + key + " holds no PEM certificate"},
      {cert, text, "", "private key " + text + " holds no unencrypted PEM private key"},
      {cert, cert, "", "private key " + cert + " holds no unencrypted PEM private key"},
      {cert, locked, "", "private key " + locked + " holds no unencrypted PEM private key"},
      {cert, other_key, "", "private key " + other_key + " does not belong to certificate " + cert},
      {cert, key, text, "client authority " + text + " holds no PEM certificate"},
      {cert, key, "/nowhere.pem",
       "cannot read client authority /nowhere.pem: No such file or directory"},
  };
  for (const Row& row : rows) {
    ServerConfig config = LocalConfig();
    config.tls.cert = row.cert;
    config.tls.key = row.key;
    config.tls.client_ca = row.client_ca;
    if (!row.client_ca.empty()) config.tls.client_auth = ClientAuth::kRequired;
    EXPECT_EQ(Server::Start(config).status().message(), row.error);
  }
}

}  // namespace
}  // namespace conntrack

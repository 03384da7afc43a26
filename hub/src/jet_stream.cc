#include "jet_stream.h"

namespace ngplc::hub {
namespace {

constexpr std::int64_t kConnectMs = 5000;
// A line that died in silence is noticed after two of these.
constexpr std::int64_t kPingMs = 20'000;

natsStatus make_stream(const NatsConfig& config, jsCtx* context) {
  const char* subjects[] = {"plc.>"};
  jsStreamConfig stream;
  jsStreamConfig_Init(&stream);
  stream.Name = config.stream.c_str();
  stream.Subjects = subjects;
  stream.SubjectsLen = 1;
  stream.Storage = js_FileStorage;
  jsErrCode error{};
  const natsStatus status = js_AddStream(nullptr, context, &stream, nullptr, &error);
  // Somebody made it with settings of their own: theirs count.
  return error == JSStreamNameExistErr ? NATS_OK : status;
}

}  // namespace

void JetStream::close() {
  context.reset();
  connection.reset();
}

natsStatus open_jet_stream(const NatsConfig& config, jsOptions options, JetStream& out) {
  natsOptions* raw = nullptr;
  natsStatus status = natsOptions_Create(&raw);
  const NatsPointer<natsOptions> connecting(raw);
  if (status == NATS_OK) status = natsOptions_SetURL(raw, config.url.c_str());
  // The caller decides when to try again; the library must not queue behind its back.
  if (status == NATS_OK) status = natsOptions_SetAllowReconnect(raw, false);
  if (status == NATS_OK) status = natsOptions_SetTimeout(raw, kConnectMs);
  if (status == NATS_OK) status = natsOptions_SetPingInterval(raw, kPingMs);
  if (status == NATS_OK && !config.ca_file.empty())
    status = natsOptions_LoadCATrustedCertificates(raw, config.ca_file.c_str());
  if (status == NATS_OK && !config.credentials_file.empty())
    status = natsOptions_SetUserCredentialsFromFiles(raw, config.credentials_file.c_str(), nullptr);
  natsConnection* connection = nullptr;
  if (status == NATS_OK) status = natsConnection_Connect(&connection, raw);
  if (status != NATS_OK) return status;
  out.connection.reset(connection);
  jsCtx* context = nullptr;
  status = natsConnection_JetStream(&context, connection, &options);
  out.context.reset(context);
  if (status == NATS_OK) status = make_stream(config, context);
  if (status != NATS_OK) out.close();
  return status;
}

}  // namespace ngplc::hub

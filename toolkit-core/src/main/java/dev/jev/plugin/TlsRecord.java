package dev.jev.plugin;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * The header of a TLS record.
 *
 * <pre>
 *   type:1  version:2  length:2  fragment:length      RFC 8446, 5.1
 * </pre>
 */
final class TlsRecord {

  static final int HEADER = 5;
  static final int MAX_PLAIN_LENGTH = 1 << 14;

  // RFC 8446, 5.1: types of records.
  static final int FIRST_TYPE = 20;
  static final int ALERT = 21;
  static final int HANDSHAKE = 22;
  static final int APPLICATION_DATA = 23;
  static final int LAST_TYPE = APPLICATION_DATA;

  // RFC 8446, 6: alerts.
  private static final int CLOSE_NOTIFY = 0;
  private static final int USER_CANCELED = 90;
  static final int UNEXPECTED_MESSAGE = 10;
  static final int RECORD_OVERFLOW = 22;
  static final int ILLEGAL_PARAMETER = 47;
  static final int PROTOCOL_VERSION = 70;
  static final int UNRECOGNIZED_NAME = 112;

  private static final int FATAL = 2;

  /**
   * Maximum length of an encrypted alert in TLS 1.3: level, description, type of record, 16 bytes
   * of the cipher, and 16 bytes of padding from the JDK. Other implementations pad less.
   */
  static final int MAX_HIDDEN_ALERT = 2 + 1 + 16 + 16;

  private TlsRecord() {}

  static int type(ByteBuf record) {
    return record.getUnsignedByte(record.readerIndex());
  }

  static int majorVersion(ByteBuf record) {
    return record.getUnsignedByte(record.readerIndex() + 1);
  }

  static int length(ByteBuf record) {
    return record.getUnsignedShort(record.readerIndex() + 3);
  }

  /**
   * Returns whether a complete record is an unencrypted {@code close_notify}, or the {@code
   * user_canceled} that precedes it in a handshake.
   */
  static boolean isPlainClose(ByteBuf record) {
    if (type(record) != ALERT || length(record) != 2 || record.readableBytes() < HEADER + 2) {
      return false;
    }
    int description = record.getUnsignedByte(record.readerIndex() + HEADER + 1);
    return description == CLOSE_NOTIFY || description == USER_CANCELED;
  }

  /**
   * Returns whether the input is a record, complete or not, that may contain an encrypted alert. In
   * TLS 1.3 it has the type of application data (RFC 8446, 5.2).
   */
  static boolean mayBeLastAlert(ByteBuf input) {
    int length = length(input);
    return length <= MAX_HIDDEN_ALERT
        && input.readableBytes() <= HEADER + length
        && type(input) == APPLICATION_DATA;
  }

  /** Returns a complete, unencrypted record with a fatal alert. */
  static ByteBuf alert(int description) {
    return Unpooled.wrappedBuffer(new byte[] {ALERT, 3, 3, 0, 2, FATAL, (byte) description});
  }
}

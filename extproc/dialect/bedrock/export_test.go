package bedrock

// Frames are the frames of a stream: event type, exception type and payload.
func Frames(stream []byte) (list []string, err error) {
	var f framer
	f.feed(stream)
	for fr, ok := f.next(); ok; fr, ok = f.next() {
		list = append(list, string(fr.eventType)+" "+string(fr.exceptionType)+" "+string(fr.payload))
	}
	return list, f.err
}

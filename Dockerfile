# The `detect` command in a container, without a GPU:
#   docker build -t detect .
#   docker run --rm --user "$(id -u)" -v "$PWD:/data" detect street.jpg
# The evaluator, the checker and selective search alone, without torch:
#   docker build -t detect --build-arg EXTRAS= .

FROM python:3.11-slim AS build
ARG EXTRAS=[detect]
# torch's builds for the CPU, which pip prefers to those with CUDA
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# The container may run on another processor than the one that builds it.
ENV NUMBA_CPU_NAME=generic PATH=/opt/detect/bin:$PATH PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/detect
COPY . /clone
RUN pip install --extra-index-url "$TORCH_INDEX" "/clone$EXTRAS"
# The first use of each part compiles its kernels, which are kept beside the installed package.
WORKDIR /clone/docs
RUN python -c "from eval.protocols import overlap; overlap.library.load()" \
    && python -c "from eval.pycocotools import compiled; compiled.library.load()" \
    && detect evaluate --data sample/instances.json --detections sample/results.json --report /tmp/page \
    && detect propose --method selective_search -o /tmp/proposed photos/cat.jpg \
    && case "$EXTRAS" in *detect*) detect -o /tmp/detections photos/cat.jpg ;; esac

FROM python:3.11-slim
COPY --from=build /opt/detect /opt/detect
# Any user can write to /tmp, also one that --user names and the image does not know.
ENV NUMBA_CPU_NAME=generic PATH=/opt/detect/bin:$PATH HOME=/tmp
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["detect"]
CMD ["--help"]
